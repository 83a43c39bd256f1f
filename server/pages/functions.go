package pages

import (
	"fmt"
	"html/template"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"qrlatch/assets"
	"qrlatch/templates"
)

// functions are what the templates call, in a language.
func (p *Pages) functions(l *templates.Language) template.FuncMap {
	say := words{l}
	return template.FuncMap{
		"asset": func(name string) (string, error) {
			if url, ok := p.files.URL(name); ok {
				return url, nil
			}
			return "", fmt.Errorf("no asset %q", name)
		},
		"picture":   p.picture,
		"linkHosts": p.linkHosts,
		"initial":   initial,
		"strong":    strong,
		"ago":       func(t time.Time) template.HTML { return when(t, say.ago(time.Since(t))) },
		"clock":     func(t time.Time) template.HTML { return when(t, say.clock(t)) },
		"browser":   say.browser,
		"address":   say.address,
		"place":     func(a netip.Addr) string { place, _ := p.where(a, l); return place },
		"network":   func(a netip.Addr) string { _, network := p.where(a, l); return network },
	}
}

// Places says where in the world an address is.
type Places interface {
	// Place names city and country in a language, and the network operator. What is
	// not known is empty.
	Place(addr netip.Addr, lang string) (place, network string)
}

func (p *Pages) where(a netip.Addr, l *templates.Language) (place, network string) {
	if p.Places == nil {
		return "", ""
	}
	return p.Places.Place(a, l.Name)
}

// strong is a name within a message.
func strong(name string) template.HTML {
	return template.HTML("<strong><bdi>" + template.HTMLEscapeString(name) + "</bdi></strong>")
}

// when is a time in words, with the time itself for machines.
func when(t time.Time, said string) template.HTML {
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `">` + template.HTMLEscapeString(said) + "</time>")
}

// asset is the name of a picture that is given by its address here.
func (p *Pages) asset(picture string) string {
	return strings.TrimPrefix(picture, p.PublicURL+assets.Prefix)
}

// picture returns the address of a picture that pages may show: one of our own.
// Whatever else a profile names would be fetched from a foreign server, which the
// pages' policy forbids and which would tell that server who is asked.
func (p *Pages) picture(name string) string {
	url, ok := p.files.URL(p.asset(name))
	if !ok {
		return ""
	}
	return url
}

// initial stands for a picture that is not there.
func initial(name string) string {
	first, size := utf8.DecodeRuneInString(strings.TrimSpace(name))
	if size == 0 || first == utf8.RuneError {
		return "·"
	}
	return strings.ToUpper(string(first))
}

// site is who wants to let somebody in.
type site struct{ Name, Origin, Logo string }

// siteOf describes the app of a login or session. redirect is where its browser
// goes: that, and not what the app calls itself, is who asks.
func (p *Pages) siteOf(app, redirect string) site {
	s := site{Name: app}
	if a, ok := p.Service.App(app); ok {
		s.Name, s.Logo = a.Name, a.Logo
		if redirect == "" {
			redirect, _ = a.RedirectURI("")
		}
	}
	if u, err := url.Parse(redirect); err == nil && u.Host != "" {
		s.Origin = u.Scheme + "://" + u.Host
	}
	return s
}
