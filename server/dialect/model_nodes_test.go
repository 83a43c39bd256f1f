package dialect_test

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
)

// This file is many nodes that share a store, in virtual time. What a real store adds to
// that, time and trouble, package nodes is for.

// modelNode is one of the servers.
type modelNode struct {
	service *login.Service
	echo    *echo.Echo
}

func newModelNode(s *sharedStore, keys login.Keyring, avatar []byte) *modelNode {
	n := &modelNode{echo: echo.New(), service: login.NewService(s.node(), login.Config{Keys: keys, Apps: []login.App{
		{ID: modelApp, RedirectURIs: []string{"https://shop.example/cgi-bin/mmwebwx-bin/webwxnewloginpage"}},
	}})}
	n.echo.IPExtractor = echo.ExtractIPDirect()
	(&dialect.WeChat{
		Service: n.service, Hold: 25 * time.Second,
		Secure: func(*http.Request) bool { return true },
		Avatar: func(login.Login) []byte { return avatar },
	}).Routes(n.echo)
	(&dialect.Picture{Service: n.service, PublicURL: "https://login.example", PerMinute: 120}).Routes(n.echo)
	return n
}

// anyNode sends each request to one of the nodes: the same ones in every run, since no two
// requests of a world fall on one moment.
func anyNode(nodes []*modelNode) http.Handler {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(uint64(len(nodes)), 5))
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		mu.Lock()
		n := nodes[r.IntN(len(nodes))]
		mu.Unlock()
		n.echo.ServeHTTP(w, request)
	})
}

// goes has the phones and the sites go to another node.
func (w *modelWorld) goes(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.service = w.nodes[n%len(w.nodes)].service
}

// sharedStore is a store in memory that several nodes have.
type sharedStore struct {
	logins    *sharedTable[login.Handle, login.Login]
	sessions  *sharedTable[login.SessionID, login.Session]
	push      *sharedTable[login.PushID, login.PushTicket]
	blocks    *sharedTable[login.BlockID, login.Block]
	userCodes *sharedTable[login.UserCodeID, login.UserCode]
}

func share(s login.Store) *sharedStore {
	return &sharedStore{shareTable(s.Logins), shareTable(s.Sessions), shareTable(s.Push), shareTable(s.Blocks), shareTable(s.UserCodes)}
}

// node is the store as one more node has it.
func (s *sharedStore) node() login.Store {
	return login.Store{Logins: s.logins, Sessions: s.sessions, Push: s.push, Blocks: s.blocks, UserCodes: s.userCodes}
}

// sharedTable tells every node of a change.
type sharedTable[K ~string, R login.Record[K]] struct {
	login.Table[K, R]
	told []func(K)
}

func shareTable[K ~string, R login.Record[K]](t login.Table[K, R]) *sharedTable[K, R] {
	s := &sharedTable[K, R]{Table: t}
	t.Notify(func(key K) {
		for _, tell := range s.told {
			tell(key)
		}
	})
	return s
}

func (s *sharedTable[K, R]) Notify(tell func(K)) { s.told = append(s.told, tell) }
