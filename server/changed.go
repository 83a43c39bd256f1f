package main

import (
	"reflect"
	"slices"
)

// changedForGood names what differs between two configurations and cannot change while
// the program runs.
func changedForGood(was, now *config) (names []string) {
	atOnce := []string{"config", "key-file", "login-ttl", "code-ttl", "ticket-ttl", "session-ttl"}
	for name, value := range now.settings {
		if value != was.settings[name] && !slices.Contains(atOnce, name) {
			names = append(names, name)
		}
	}
	if !reflect.DeepEqual(was.file.Limits, now.file.Limits) {
		names = append(names, "limits")
	}
	if !reflect.DeepEqual(was.oidc, now.oidc) {
		names = append(names, "phones.oidc")
	}
	if !reflect.DeepEqual(was.appLinks, now.appLinks) {
		names = append(names, "phones.app_links")
	}
	if !reflect.DeepEqual(was.file.Phones.Passkeys, now.file.Phones.Passkeys) {
		names = append(names, "phones.passkeys")
	}
	slices.Sort(names)
	return names
}
