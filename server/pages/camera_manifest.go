package pages

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"
)

// manifest is what makes the phone's page an app that can be put on the home screen.
// https://www.w3.org/TR/appmanifest/
type manifest struct {
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	ShortName       string         `json:"short_name"`
	Description     string         `json:"description"`
	Lang            string         `json:"lang"`
	Dir             string         `json:"dir"`
	StartURL        string         `json:"start_url"`
	Scope           string         `json:"scope"`
	Display         string         `json:"display"`
	BackgroundColor string         `json:"background_color"`
	ThemeColor      string         `json:"theme_color"`
	Icons           []manifestIcon `json:"icons"`
}

type manifestIcon struct {
	Src     string `json:"src"`
	Sizes   string `json:"sizes"`
	Type    string `json:"type"`
	Purpose string `json:"purpose"`
}

// manifest's scope is the whole server: a code that is opened from elsewhere is a page
// of this app too.
func (p *Pages) manifest(c echo.Context) error {
	l := p.language(c)
	m := manifest{
		ID: "/phone", Name: "qrlatch", ShortName: "qrlatch", Description: l.Text("camera.app"),
		Lang: l.Tag(), Dir: l.Text("language.dir"),
		StartURL: "/phone", Scope: "/", Display: "standalone",
		BackgroundColor: "#f5f8f7", ThemeColor: "#f5f8f7", // --paper of page.css
	}
	for _, icon := range []manifestIcon{
		{"icon-192.png", "192x192", "image/png", "any"},
		{"icon-512.png", "512x512", "image/png", "any"},
		{"icon-maskable-512.png", "512x512", "image/png", "maskable"},
	} {
		icon.Src, _ = p.files.URL(icon.Src) // the test reads every one of them
		m.Icons = append(m.Icons, icon)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	p.headers(c, "")
	return c.Blob(http.StatusOK, "application/manifest+json", body)
}
