package backchannel_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/backchannel"
	"qrlatch/server/login"
)

func TestADeadSiteHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(r *http.Request, try int) (int, error) {
			if r.URL.Host == "shop.example" {
				return dead(r, try)
			}
			return 200, nil
		})
		begun := time.Now()
		for i := range 100 {
			w.ended("shop", fmt.Sprint("session", i)) // and whoever has ended it waits for nothing
		}
		synctest.Wait() // until all that may be sent at once are on their way
		w.ended("bank", "other")
		if !time.Now().Equal(begun) {
			t.Error("whoever ends a session has to wait")
		}
		synctest.Wait()
		atOnce, told := 0, false
		for _, x := range w.sites.notices() {
			if x.to == bank {
				told = true
			} else {
				atOnce++
			}
		}
		if !told || atOnce != 4 {
			t.Errorf("the bank is told: %v; %d requests to the dead shop at once, want 4", told, atOnce)
		}
		w.Hurry()
		end, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w.Close(end)
	})
}

func TestTheOldestNoticeGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dead)
		for i := range 1003 {
			w.ended("shop", fmt.Sprint("session", i))
		}
		synctest.Wait()
		log := w.log.String()
		for i := range 5 {
			if said := strings.Contains(log, fmt.Sprintf("session=session%d error=\"too many others wait\"", i)); said != (i < 3) {
				t.Errorf("session%d was given up: %v: %s", i, said, log)
			}
		}
		if n := strings.Count(log, "\n"); n != 3 {
			t.Errorf("%d lines, want 3", n)
		}
		w.expect(map[string]int{backchannel.GivenUp: 3})
		w.ended("bank", "other") // has a queue of its own
		synctest.Wait()
		if w.log.String() != log {
			t.Error("one app takes another's place")
		}
		w.Hurry()
		end, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w.Close(end)
		w.expect(map[string]int{backchannel.GivenUp: 1004})
		if !strings.Contains(w.log.String(), "lost=1001") {
			t.Errorf("the log says %s", w.log)
		}
	})
}

func TestAServerThatStopsTriesOnceMoreAndSaysWhatIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		then  answer // the answers while it stops
		lasts time.Duration
		lost  string
		want  map[string]int
	}{
		"the site is back":   {status(200), 0, "", map[string]int{backchannel.Failed: 3, backchannel.Sent: 3}},
		"it is not":          {status(503), 0, "lost=3", map[string]int{backchannel.Failed: 3, backchannel.GivenUp: 3}},
		"it answers nothing": {dead, 2 * time.Second, "lost=3", map[string]int{backchannel.Failed: 3, backchannel.GivenUp: 3}},
		"it refuses":         {status(400), 0, "", map[string]int{backchannel.Failed: 3, backchannel.Refused: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := status(503)
				w := newWorld(t, func(r *http.Request, try int) (int, error) { return answer(r, try) })
				for i := range 3 {
					w.ended("shop", fmt.Sprint("session", i))
				}
				synctest.Wait()
				answer = test.then
				begun := time.Now()
				w.Hurry()
				synctest.Wait()
				if got := len(w.sites.notices()); got != 6 {
					t.Errorf("%d tries after it began to stop, want one more of each", got-3)
				}
				end, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				w.Close(end)
				if lasted := time.Since(begun); lasted != test.lasts {
					t.Errorf("it lasted %s, want %s", lasted, test.lasts)
				}
				if log := w.log.String(); !strings.Contains(log, test.lost) || (test.lost == "") == strings.Contains(log, "lost=") {
					t.Errorf("the log says %s", log)
				}
				w.expect(test.want)

				w.ended("shop", "late") // of a request that was cut off
				synctest.Wait()
				if len(w.sites.notices()) != 6 || !strings.Contains(w.log.String(), "session=late") {
					t.Errorf("a notice after the end: %s", w.log)
				}
			})
		})
	}
}

func TestANoticeGoesWhereTheConfigurationOfItsTimeSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, status(503))
		w.ended("shop", "session1")
		w.ended("bank", "session2")
		synctest.Wait()
		now := login.Config{Keys: w.config.Keys, Apps: []login.App{{ID: "shop", LogoutURL: "https://new.example/"}, {ID: "bank"}}}
		w.Serve(&now)
		time.Sleep(2 * time.Second)
		got := w.sites.notices()
		if len(got) != 3 || got[2].to != "https://new.example/" || got[2].session != "session1" {
			t.Errorf("%+v", got)
		}
		if log := w.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "session=session2") || !strings.Contains(log, "taken out of the configuration") {
			t.Errorf("the log says %s", log)
		}
		time.Sleep(2 * time.Hour)
	})
}
