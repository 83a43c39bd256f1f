package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// AppLinks names the apps that a code opens instead of a page: Android and iOS read
// these files and then hand over our addresses of the form /l/…, and only those.
type AppLinks struct {
	Android []AndroidApp
	IOS     []string // TEAMID.bundle.id
}

// AndroidApp is an app by its package and by who has signed it.
type AndroidApp struct {
	Package      string
	Fingerprints []string // SHA-256 of the signing certificates, AA:BB:…
}

const opened = "/l/*" // what the apps may open

// routes adds the files of those systems that an app is named for. They must be answered
// without a redirect, and as JSON.
func (a AppLinks) routes(e *echo.Echo) {
	serve := func(path string, body any) {
		e.Match([]string{http.MethodGet, http.MethodHead}, path, func(c echo.Context) error {
			c.Response().Header().Set(echo.HeaderCacheControl, "public, max-age=3600")
			c.Response().Header().Set(echo.HeaderXContentTypeOptions, "nosniff")
			c.Response().Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
			return c.JSON(http.StatusOK, body)
		})
	}
	if len(a.Android) > 0 {
		serve("/.well-known/assetlinks.json", a.assetLinks())
	}
	if len(a.IOS) > 0 {
		serve("/.well-known/apple-app-site-association", a.siteAssociation())
	}
}

// object is a JSON object whose names are somebody else's.
type object map[string]any

// assetLinks is Google's form: https://developer.android.com/training/app-links/configure-assetlinks.
// Before Android 15 only the app's manifest says which paths it opens.
func (a AppLinks) assetLinks() []object {
	const relation = "delegate_permission/common.handle_all_urls"
	list := []object{}
	for _, app := range a.Android {
		list = append(list, object{
			"relation": []string{relation},
			"target": object{
				"namespace": "android_app", "package_name": app.Package, "sha256_cert_fingerprints": app.Fingerprints,
			},
			"relation_extensions": object{relation: object{"dynamic_app_link_components": []object{{"/": opened}}}},
		})
	}
	return list
}

// siteAssociation is Apple's form, of iOS 13 and of those before it: they look for
// "apps", "appID" and "paths".
func (a AppLinks) siteAssociation() object {
	details := []object{}
	for _, id := range a.IOS {
		details = append(details, object{
			"appIDs": []string{id}, "components": []object{{"/": opened}},
			"appID": id, "paths": []string{opened},
		})
	}
	return object{"applinks": object{"apps": []string{}, "details": details}}
}
