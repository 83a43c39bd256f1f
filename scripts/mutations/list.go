package main

// mutations are all of them, in the order of the promises.
func mutations() []mutation {
	return append(scanning(), append(web(), running()...)...)
}

// scanning are the mitigations of what is done with codes and phones.
func scanning() []mutation {
	return []mutation{
		{"0", "templates/scan.html", `<p>{{t "scan.care"}}</p>`, ``, "attack.TestThePhoneSaysAllThatGivesARelayAway"},
		{"0", "templates/scan.html", `<dd class="mono">{{address .Address}}</dd>`, `<dd></dd>`, "attack.TestThePhoneSaysAllThatGivesARelayAway"},
		{"0", "templates/scan.html", `<dd>{{ago .Asked}}</dd>`, `<dd></dd>`, "attack.TestThePhoneSaysAllThatGivesARelayAway"},
		{"0", "phone/answers.go", `shown.IP = b.Addr.Unmap().String()`, ``, "attack.TestThePhoneSaysAllThatGivesARelayAway"},
		{"0", "phone/answers.go", `shown.Origin = u.Scheme + "://" + u.Host`, ``, "attack.TestThePhoneSaysAllThatGivesARelayAway"},
		{"1", "dialect/picture.go", `symbol, err := qr.Encode(p.PublicURL + "/l/" + code)`, "_ = code\n\tsymbol, err := qr.Encode(p.PublicURL + \"/l/\" + id)", "attack.TestAPhotographerCannotCollectTheLogin"},
		{"T1", "login/service.go", `if !ok || subtle.ConstantTimeCompare(sum[:], l.ID[:]) != 1 {`, `if !ok || subtle.ConstantTimeCompare(sum[:], l.ID[:]) > 1 {`, "attack.TestAPhotographerCannotCollectTheLogin"},
		{"T1", "login/service.go", `return h.HoldsBinding(l)`, `return true`, "login.TestALoginIDThatWasScannedCollectsOnlyWithTheBindingCookie"},
		{"T1", "login/service.go", `return h.HoldsBinding(l)`, `return true`, "dialect.TestAScannedIDNeedsTheCookieOfItsStart"},
		{"2", "login/id.go", `func (id ID) hash() HashedSecret { return sha256.Sum256([]byte(id)) }`,
			"func (id ID) hash() (h HashedSecret) {\n\traw, _ := decode(string(id), handleBytes+secretBytes)\n\tcopy(h[:], raw)\n\treturn h\n}", "attack.TestWhatAStoreHoldsOpensNothing"},
		{"2", "login/id.go", `func (id ID) hash() HashedSecret { return sha256.Sum256([]byte(id)) }`,
			"func (id ID) hash() (h HashedSecret) {\n\traw, _ := decode(string(id), handleBytes+secretBytes)\n\tcopy(h[:], raw)\n\treturn h\n}", "login.TestAStoreNeverSeesASecret"},
		{"T47", "login/login.go", `func hashSecret(secret string) HashedSecret { return sha256.Sum256([]byte(secret)) }`,
			"func hashSecret(secret string) HashedSecret {\n\tif raw, ok := decode(secret, handleBytes+secretBytes); ok {\n\t\tvar h HashedSecret\n\t\tcopy(h[:], raw)\n\t\treturn h\n\t}\n\treturn sha256.Sum256([]byte(secret))\n}", "attack.TestWhatAStoreHoldsOpensNothing"},
		{"2", "login/id.go", `_, _ = rand.Read(b[:]) // never fails`, `_, _ = rand.Read(b[:handleBytes]) // never fails`, "login.TestAHundredThousandLoginIDsShareNothing"},
		{"3", "login/ticket.go", "case by.site || l.Redeemer == by.id:\n\t\t\treturn ErrRedeemed", "case by.site || l.Redeemer == by.id:\n\t\t\treturn errUnchanged", "attack.TestOneTicketIsOneSessionOnThreeNodes"},
		{"3", "login/ticket.go", "l.Void, stolen = true, true\n\t\t\treturn nil", `return ErrRefused`, "attack.TestATicketThatTwoPresentLetsNobodyIn"},
		{"4", "login/scan.go", "if l.Phone != who.Phone {\n\t\t\t\treturn ErrTaken", "if l.Phone.Issuer == \"\" {\n\t\t\t\treturn ErrTaken", "attack.TestASecondPhoneGetsNothing"},
		{"T4", "login/scan.go", "if l.Phone != who {\n\t\t\treturn ErrNotYours", "if l.Phone.Issuer == \"\" {\n\t\t\treturn ErrNotYours", "attack.TestASecondPhoneGetsNothing"},
		{"T4", "demosite/signin.go", `if begun == "" || len(q["state"]) != 1 || subtle.ConstantTimeCompare([]byte(q["state"][0]), []byte(stateOf(begun))) != 1 {`,
			`if begun == "" || len(q["state"]) != 1 || subtle.ConstantTimeCompare([]byte(q["state"][0]), []byte(stateOf(begun))) > 1 {`, "demosite.TestATicketCountsOnlyWhereItsLoginBegan"},
		{"4", "login/ticket.go", `if !known || l.State != Approved {`, `if !known || l.State != Approved && l.State != Redeemed {`, "attack.TestAReplayedPollGetsNothing"},
		{"T3", "login/code.go", `stale:  slot < slotAt(l, seen, ttl)-1,`, `stale:  false,`, "attack.TestAnOldPictureNeedsTheNumberAndADeadOneIsNothing"},
		{"T3", "login/code.go", `stale := slotAt(l, seen, s.config.Load().CodeTTL) > 1`, `stale := slotAt(l, seen, s.config.Load().CodeTTL) > 99`, "attack.TestAPictureThatAClientHasDrawnGrowsOldAsWell"},
		{"5", "login/scan.go", `const maxWrongNumbers = 3`, `const maxWrongNumbers = 300`, "attack.TestAnOldPictureNeedsTheNumberAndADeadOneIsNothing"},
		{"5", "login/scan.go", `asked && subtle.ConstantTimeCompare([]byte(want), []byte(number)) != 1 {`, `asked && subtle.ConstantTimeCompare([]byte(want), []byte(number)) > 1 {`, "attack.TestAnOldPictureNeedsTheNumberAndADeadOneIsNothing"},
		{"4", "login/scan.go", `asked && subtle.ConstantTimeCompare([]byte(want), []byte(number)) != 1 {`, `asked && number != "" && subtle.ConstantTimeCompare([]byte(want), []byte(number)) != 1 {`, "attack.TestWhereTheNumberCannotBeShownAYesIsRefusedInWords"},
		{"T2", "login/scan.go", `app.Number == NumberOnRisk && risk != 0`, `app.Number == NumberOnRisk && risk > 200`, "attack.TestASecondWatcherCostsTheNumber"},
		{"T2", "login/risk.go", `add(RiskSecondWatcher, strangers(waits))`, ``, "attack.TestASecondWatcherCostsTheNumber"},
		{"T2", "templates/scan.html", `{{range .Reasons}}<p class="say">{{t .}}</p>`, `{{range .Reasons}}`, "attack.TestASecondWatcherCostsTheNumber"},
		{"T2", "login/risk.go", `case w.network != first.network:`, `case true:`, "attack.TestASecondWatcherCostsTheNumber"},
		{"T2", "login/risk.go", `add(RiskDelay, len(waits) == 0`, `add(RiskDelay, false && len(waits) == 0`, "attack.TestAPictureWithoutItsPageCostsTheNumber"},
		{"T2", "login/risk.go", `add(RiskPlace, apart(l.Browser.Addr, who.Addr))`, ``, "attack.TestAnotherCountryCostsTheNumberAndAnotherAddressDoesNot"},
		{"T6", "login/service.go", "id, handle := newID()", "id, handle := newID()\n\tif r.SiteState != \"\" {\n\t\tid = ID(r.SiteState)\n\t}", "login.TestAStoreNeverSeesASecret"},
		{"6", "phone/jwt.go", `if !said.meantFor(j.Audience) {`, `if false {`, "attack.TestNobodyApprovesInAnothersName"},
		{"6", "phone/api.go", "func (a *API) scan(c echo.Context, who login.Identity) error {", "func (a *API) scan(c echo.Context, who login.Identity) error {\n\tif sub := c.QueryParam(\"sub\"); sub != \"\" {\n\t\twho.Subject = sub\n\t}", "attack.TestNobodyApprovesInAnothersName"},
		{"T7", "phone/jwt.go", `} else if expires.IsZero() {`, `} else if expires.IsZero() && false {`, "phone.TestOnlyTokensOfTheIssuerForUsAreTaken"},
		{"T7", "phone/keys.go", `if key.Algorithm != "" && key.Algorithm != string(algorithm) {`, `if false {`, "phone.TestAKeyServesItsOwnAlgorithmOnly"},
		{"T8", "dialect/json.go", "if app.Disclose == login.DiscloseNothing {\n\t\t\treturn nil", "if false {\n\t\t\treturn nil", "attack.TestAScanTellsNothingOfThePerson"},
		{"T8", "dialect/json.go", "if app.Disclose == login.DiscloseAvatar {", "if false {", "attack.TestAScanTellsNothingOfThePerson"},
		{"T9", "phone/api.go", `if wait := a.Scans.Take(who.Key()); wait > 0 {`, `if wait := a.Scans.Take(who.Key()); wait > 1<<60 {`, "attack.TestNobodyIsWornOutByQuestions"},
		{"T9", "login/login.go", `maxPrompts = 3`, `maxPrompts = 300`, "login.TestAPersonIsAskedThreeTimesInTenMinutes"},
		{"T10", "phone/api.go", `e.POST("/v1/scans/:id/approve", a.as(a.approve))`, `e.Any("/v1/scans/:id/approve", a.as(a.approve))`, "attack.TestNoGETOrHEADChangesALogin"},
		{"T10", "pages/pages.go", `e.POST("/l/:code", p.scanOpened)`, "e.POST(\"/l/:code\", p.scanOpened)\n\te.GET(\"/phone/scan\", func(c echo.Context) error {\n\t\twho, _ := p.identity(c)\n\t\t_, err := p.Service.Scan(c.Request().Context(), who, c.QueryParam(\"code\"), time.Time{})\n\t\treturn err\n\t})", "attack.TestNoGETOrHEADChangesALogin"},
		{"T11", "limit/guesses.go", `wait = max(g.person.wait(person, now), g.network.wait(network, now), g.everyone.wait("", now))`, `wait = max(g.person.wait(person, now), g.everyone.wait("", now))`, "web.TestGuessesAreLimitedByPersonAndByNetwork"},
		{"T11", "limit/guesses.go", `g.network.drop(network)`, `g.network.tries.Delete(network)`, "limit.TestARightTryTakesBackItselfOnly"},
		{"T13", "login/scan.go", `now.Add(s.config.Load().TicketTTL)`, `now.Add(time.Hour)`, "attack.TestAYesThatNobodyCollectsIsVoidAfterAMinute"},
	}
}
