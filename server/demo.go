package main

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"

	"qrlatch/server/login"
	"qrlatch/server/pages"
	"qrlatch/server/phone"
)

// demo is what --demo brings: two sites on our own host and a shop elsewhere, one that asks
// for passkeys where browsers have them, and two people whose phones anybody on this machine may use.
type demo struct {
	apps     []login.App
	tokens   phone.Tokens
	accounts []pages.Account
}

func newDemo(publicURL string, passwords bool, shop login.App, passkeys bool) demo {
	page := publicURL + "/cgi-bin/mmwebwx-bin/webwxnewloginpage"
	site := func(id, name string) login.App {
		return login.App{
			ID: id, Name: name, RedirectURIs: []string{page}, Origins: []string{publicURL},
			Secret: sha256.Sum256([]byte("demo-secret")), Disclose: login.DiscloseAvatar,
		}
	}
	d := demo{apps: []login.App{
		site("demo", "Corner Shop"),
		site("wx782c26e4c19acffb", "WeChat Web client"), // the id that clients have built in
		shop,
	}}
	if passkeys {
		vault := site("vault", "Vault")
		vault.Passkey = true
		d.apps = append(d.apps, vault)
	}
	for _, person := range []struct{ subject, name string }{{"alice", "Alice"}, {"bob", "Bob"}} {
		word, bearer := "", "demo-"+person.subject
		if passwords {
			word, bearer = rand.Text()[:12], rand.Text()
		}
		who := login.Identity{
			Phone:   login.Phone{Issuer: phone.TokensIssuer, Subject: person.subject},
			Profile: login.Profile{Name: person.name, Picture: pictureURL(publicURL, person.subject+".jpg")},
		}
		d.tokens = append(d.tokens, phone.Token{
			TokenSHA256: sha256.Sum256([]byte(bearer)), Subject: who.Subject, Name: who.Name, Picture: who.Picture,
		})
		d.accounts = append(d.accounts, pages.Account{Identity: who, Password: word})
	}
	return d
}

// greet tells the person at the terminal what to do next. Passwords go here and not
// into the log.
func (d demo) greet(w io.Writer, publicURL, shopURL string) {
	fmt.Fprintf(w, "\n  qrlatch demo: open %s in a browser.\n  A shop that has this login built in: %s\n", publicURL, shopURL)
	if d.accounts[0].Password == "" {
		fmt.Fprint(w, "  No phone at hand? The page has a demo phone. As an app: Authorization: Bearer demo-alice\n\n")
		return
	}
	fmt.Fprintln(w, "  Scan the code with a phone on the same network, and sign in there:")
	for _, a := range d.accounts {
		fmt.Fprintf(w, "    %s, password %s\n", a.Identity.Name, a.Password)
	}
	fmt.Fprintln(w)
}

// lanAddress is this machine's address on its private network.
func lanAddress() (string, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("find LAN address: %w", err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsPrivate() && n.IP.To4() != nil {
			return n.IP.String(), nil
		}
	}
	return "", errors.New("--demo=lan: this machine has no private IPv4 address; is it on a network?")
}
