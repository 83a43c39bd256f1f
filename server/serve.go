package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"qrlatch/server/backchannel"
	"qrlatch/server/dialect"
	"qrlatch/server/login"
	"qrlatch/server/metrics"
	"qrlatch/server/pages"
	"qrlatch/server/park"
	"qrlatch/server/passkey"
	"qrlatch/server/phone"
	"qrlatch/server/qr"
	"qrlatch/server/web"
)

// drainTime is of the 10 s in which a stopped server is gone.
const drainTime = 9 * time.Second

// serve runs the server until ctx ends, and then until every request was answered.
func serve(ctx context.Context, c *config, env environment) error {
	log := newLogger(c, env)
	if c.demo == "lan" {
		if err := c.listenOnLAN(); err != nil {
			return err
		}
	}
	public, err := listen(c.listen)
	if err != nil {
		return err
	}
	defer public.close()
	publicURL, err := c.address(public)
	if err != nil {
		return err
	}
	for _, w := range c.warnings {
		log.Warn(w)
	}

	counts := metrics.New(version)
	store, err := c.openStore(ctx, log, counts)
	if err != nil {
		return err
	}
	defer store.close()
	var shop *shop
	if c.demo != "" {
		if shop, err = c.openShop(public, publicURL); err != nil {
			return err
		}
		defer shop.close()
	}
	parts, err := c.parts(publicURL.String(), shop)
	if err != nil {
		return err
	}
	observe, endTraces, err := c.observer(counts, log)
	if err != nil {
		return err
	}
	defer endTraces()
	record := &record{log: log, observe: observe}
	defer record.close()
	if err := record.set(c); err != nil {
		return usage("audit_log: %s", err)
	}
	counts.LostLines(record.lost)
	counts.UnboundScans(record.unbound)
	record.serve(&parts.config)
	notices := backchannel.New(backchannel.Options{Issuer: publicURL.String(), Log: log, Observe: counts.Notice})
	notices.Serve(&parts.config)
	service := login.NewService(store.Store, parts.config)
	phones := &phones{log: log}
	phones.set(parts.tokens, c)

	draining, drain := context.WithCancel(context.Background())
	defer drain()
	lot := park.New(park.Options{
		Idle: c.file.Limits.IdleTimeout, Write: c.file.Limits.WriteTimeout,
		Trouble: func(err error) { log.Error("a connection is in trouble", "error", err) },
	})
	defer lot.Close()
	symbols := dialect.NewEncoder(publicURL.String())
	go learn(draining, symbols, log)
	handler, err := web.New(web.Options{
		Service: service, Phones: phones, Places: &record.places, PublicURL: publicURL, Log: log, Metrics: counts, Symbols: symbols, Messages: store.messages,
		Hosts: c.hosts, Loopback: public.loopback(), TrustedProxies: c.proxies, PollHold: c.pollHold,
		Limits:   c.file.Limits.Limits,
		Accounts: parts.accounts, SignIn: c.signIn(publicURL.String(), phones), Passkeys: parts.passkeys, AppLinks: c.appLinks, Demo: c.demo != "", Draining: draining, Lot: lot,
	})
	if err != nil {
		return err
	}
	server := c.file.Limits.newServer(handler, log)
	if c.tlsCert != "" {
		server.TLSConfig = c.tls()
	}

	failed := make(chan error, 3)
	servers := []*http.Server{server} // ended in reverse: the shop asks us
	if shop != nil {
		its, err := shop.server(publicURL.String(), c.demo != "lan", &c.file.Limits, log)
		if err != nil {
			return err
		}
		servers = append(servers, its)
		go func() { failed <- shop.serve(its) }()
		log.Info("demo site listening", "url", shop.origins[0])
	}
	go func() { failed <- public.park(server, lot) }()
	log.Info("listening", "url", publicURL.String(), "addr", public.Addr().String(), "version", version)
	if c.adminListen != "" {
		admin, err := listen(c.adminListen)
		if err != nil {
			return errors.Join(err, server.Close())
		}
		defer admin.close()
		ready := func(ctx context.Context) error { return cmp.Or(draining.Err(), store.ready(ctx)) }
		handler := web.Admin(counts, ready)
		if admin.loopback() {
			handler = web.LoopbackOnly(handler)
		}
		go func() { failed <- admin.serve(c.file.Limits.newServer(handler, log)) }()
		log.Info("admin listening", "url", "http://"+admin.Addr().String())
	}
	if parts.demo != nil {
		parts.demo.greet(env.stderr, publicURL.String(), shop.origins[0])
	}

	for {
		select {
		case <-env.reload:
			reload(c, env, log, service, phones, record, notices, publicURL.String())
		case err := <-failed:
			return err
		case <-ctx.Done():
			log.Info("draining")
			drain()
			notices.Hurry()
			end, cancel := context.WithTimeout(context.Background(), drainTime)
			defer cancel()
			public.leave()
			defer notices.Close(end)
			parked := make(chan error, 1)
			go func() { parked <- lot.Drain(end) }()
			for _, server := range slices.Backward(servers) {
				if err := server.Shutdown(end); err != nil {
					log.Warn("some requests were cut off", "error", err)
					return server.Close()
				}
			}
			if err := errors.Join(<-parked, lot.Drain(end)); err != nil { // some came in the meantime
				log.Warn("some who waited were cut off")
			}
			log.Info("stopped")
			return nil
		}
	}
}

// parts are what the configuration makes and a reload makes again.
type parts struct {
	config   login.Config
	tokens   phone.Tokens
	accounts []pages.Account
	passkeys *passkey.RelyingParty // nil: there are none
	demo     *demo
}

func (c *config) parts(publicURL string, shop *shop) (parts, error) {
	p := parts{
		config: login.Config{
			Apps: c.apps, LoginTTL: c.loginTTL, CodeTTL: c.codeTTL, TicketTTL: c.ticketTTL, SessionTTL: c.sessionTTL,
		},
		tokens: c.tokens(publicURL),
	}
	if p.passkeys = c.passkeys(publicURL); p.passkeys != nil {
		p.config.Passkeys = p.passkeys
	}
	if shop != nil {
		d := newDemo(publicURL, c.demo == "lan", shop.app(), p.passkeys != nil)
		p.demo, p.config.Apps, p.tokens, p.accounts = &d, d.apps, d.tokens, d.accounts
	}
	if c.keys != nil {
		p.config.Keys = *c.keys
		return p, nil
	}
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	p.config.Keys = keys
	return p, err
}

// reload reads configuration and keys again. If anything is wrong with them, what
// runs goes on as it was.
func reload(was *config, env environment, log *slog.Logger, service *login.Service, phones *phones, record *record, notices *backchannel.Notifier, publicURL string) {
	c, err := parseConfig(was.args, env)
	if err != nil {
		log.Error("reload refused; the old configuration goes on", "error", err)
		return
	}
	if err := record.set(c); err != nil {
		log.Error("the audit log could not be opened again; the old one goes on", "error", err)
	}
	if was.demo != "" {
		log.Info("reloaded; a demo has nothing that could change")
		return
	}
	parts, err := c.parts(publicURL, nil)
	if err != nil {
		log.Error("reload refused; the old configuration goes on", "error", err)
		return
	}
	if c.keys == nil {
		parts.config.Keys = service.Keys() // drawn at start: there is nothing to read again
	}
	parts.config.Passkeys = service.Passkeys() // phones and pages keep theirs as well
	record.serve(&parts.config)
	notices.Serve(&parts.config)
	service.Configure(parts.config)
	phones.set(parts.tokens, c)
	for _, w := range c.warnings {
		log.Warn(w)
	}
	for _, name := range changedForGood(was, c) {
		log.Warn("this setting changes at a restart only", "setting", name)
	}
	log.Info("reloaded", "apps", len(c.apps))
}

// learn makes pictures cheap, while the server is up already.
func learn(ctx context.Context, symbols *qr.Encoder, log *slog.Logger) {
	if err := symbols.Learn(ctx); err != nil && ctx.Err() == nil {
		log.Warn("pictures of codes take long to draw", "err", err)
	}
}

// tls returns what --tls-cert asks for. The list of --tls-legacy keeps an ECDHE suite
// with AES-128-GCM, which HTTP/2 requires, and ends with what Internet Explorer 8 on
// Windows XP knows. It needs an RSA certificate.
func (c *config) tls() *tls.Config {
	t := &tls.Config{Certificates: []tls.Certificate{c.certificate}, MinVersion: tls.VersionTLS12}
	if c.tlsLegacy {
		t.MinVersion = tls.VersionTLS10
		t.CipherSuites = []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
			tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
			tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
		}
	}
	return t
}

func newLogger(c *config, env environment) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.logLevel)) // checked before
	options := &slog.HandlerOptions{Level: level}
	if c.logFormat == "text" || c.logFormat == "" && terminal(env.stderr) {
		return slog.New(slog.NewTextHandler(env.stderr, options))
	}
	return slog.New(slog.NewJSONHandler(env.stderr, options))
}

// terminal tells whether w is one that a person reads.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
