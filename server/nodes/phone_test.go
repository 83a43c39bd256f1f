package nodes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// This file is the phone and the site of a login.

const inJSON = "Content-Type: application/json"

func (a *attempt) bearer() string { return "Authorization: Bearer " + a.person }

// looks reads the code off the browser's picture.
func (a *attempt) looks(ctx context.Context) error {
	got, err := a.asks(ctx, toLook, http.MethodGet, "/qrcode/"+a.id+".png", "")
	if err != nil || got.status != http.StatusOK {
		return err // it shows none any more: the last code is the one
	}
	picture, err := png.Decode(strings.NewReader(got.body))
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	bits, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		return err
	}
	read, err := qrcode.NewQRCodeReader().Decode(bits, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	a.code = read.GetText()
	return nil
}

// scan hands in the code, and another one while it is refused and the browser goes on.
func (a *attempt) scan(ctx context.Context) error {
	return a.persist(ctx, func() error {
		if err := a.looks(ctx); err != nil || a.told() {
			return err
		}
		if a.code == "" {
			return status(http.StatusNotFound) // it shows none: the login is lost
		}
		body, _ := json.Marshal(map[string]string{"code": a.code})
		got, err := a.asks(ctx, toScan, http.MethodPost, "/v1/scans", string(body), inJSON, a.bearer())
		switch {
		case err != nil:
			return err
		case got.status == http.StatusNotFound:
			return status(got.status) // too old, or the login is lost
		case got.status != http.StatusCreated:
			return fmt.Errorf("the scan is answered %d %s", got.status, got.body)
		}
		var v struct {
			ID       string
			Required bool `json:"number_required"`
		}
		err = json.Unmarshal([]byte(got.body), &v)
		a.handle, a.number = v.ID, v.Required
		return err
	})
}

// approve gives the number if it must: the person reads it off the browser.
func (a *attempt) approve(ctx context.Context) error {
	return a.persist(ctx, func() error {
		body := ""
		if a.number {
			shown, err := a.asks(ctx, toLook, http.MethodGet, "/v1/logins/"+a.id, "")
			if err != nil || a.told() {
				return err
			}
			var v struct{ Number string }
			if err := json.Unmarshal([]byte(shown.body), &v); err != nil {
				return err
			}
			if v.Number != "" { // else it was approved, and nobody heard
				body = `{"number":"` + v.Number + `"}`
			}
		}
		got, err := a.asks(ctx, toScan, http.MethodPost, "/v1/scans/"+a.handle+"/approve", body, inJSON, a.bearer())
		switch {
		case err != nil || a.told():
			return err
		case got.status == http.StatusNotFound:
			return status(got.status)
		case got.status != http.StatusOK:
			return fmt.Errorf("the approval is answered %d %s", got.status, got.body)
		}
		return nil
	})
}

// done returns when the phone says that the browser is in, or that it is not.
func (a *attempt) done(ctx context.Context) error {
	for ctx.Err() == nil {
		var got answer
		if err := a.persist(ctx, func() (err error) {
			got, err = a.asks(ctx, toScan, http.MethodGet, "/v1/scans/"+a.handle+"?since=approved&wait=60", "", a.bearer())
			if err != nil && a.told() {
				return nil
			}
			return err
		}); err != nil {
			return fmt.Errorf("the phone waits: %w", err)
		}
		var v struct{ State string }
		if a.told() || json.Unmarshal([]byte(got.body), &v) != nil || got.status != http.StatusOK {
			return nil
		}
		if v.State == "redeemed" {
			if !a.presented.Load() {
				return fmt.Errorf("the phone says done before anybody has collected")
			}
			return nil
		}
	}
	return errHung
}

// redeem brings the ticket to where this login's app has it brought.
func (a *attempt) redeem(ctx context.Context) (in bool, err error) {
	a.mu.Lock()
	to, err := url.Parse(a.uri)
	a.mu.Unlock()
	if err != nil || to.Query().Get("ticket") == "" {
		return false, fmt.Errorf("no ticket: %w", err)
	}
	a.presented.Store(true)
	var got answer
	err = a.persist(ctx, func() (err error) {
		if strings.HasPrefix(to.String(), public) {
			got, err = a.asks(ctx, toRedeem, http.MethodGet, to.RequestURI()+"&fun=new", "")
			return err
		}
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(siteApp, siteSecret)
		body, _ := json.Marshal(map[string]string{"ticket": to.Query().Get("ticket")})
		got, err = a.asks(ctx, toRedeem, http.MethodPost, "/v1/tickets/redeem", string(body), inJSON, "Authorization: "+r.Header.Get("Authorization"))
		return err
	})
	switch {
	case err != nil:
		return false, err
	case got.status == http.StatusOK && (strings.Contains(got.body, "<ret>0</ret>") || strings.Contains(got.body, `"session":{"id":`)):
		return true, nil
	case got.status == http.StatusConflict, got.status == http.StatusNotFound, strings.Contains(got.body, "<ret>1203</ret>"):
		return false, nil
	}
	return false, fmt.Errorf("the ticket is answered %d %s", got.status, got.body)
}

// sessions is how many browsers the person's phone lists.
func (a *attempt) sessions(ctx context.Context) (int, error) {
	var list []json.RawMessage
	err := a.persist(ctx, func() error {
		got, err := a.asks(ctx, toScan, http.MethodGet, "/v1/sessions", "", a.bearer())
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(got.body), &list)
	})
	return len(list), err
}
