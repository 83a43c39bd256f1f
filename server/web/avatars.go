package web

import (
	"qrlatch/assets"
	"qrlatch/server/login"
)

// avatars gives a browser the picture of whoever has scanned, if the app lets it see
// one and the picture is ours: we fetch nothing from elsewhere for a stranger.
func avatars(service *login.Service, pictures *assets.Files) func(login.Login) []byte {
	return func(l login.Login) []byte {
		app, ok := service.App(l.App)
		if !ok || app.Disclose == login.DiscloseNothing {
			return nil
		}
		body, kind, ok := pictures.Read(l.Profile.Picture)
		if !ok || kind != "image/jpeg" {
			return nil
		}
		return body
	}
}
