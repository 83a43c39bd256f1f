package attack

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// promise is something that we say of the security of this server, and what proves it.
// docs/security.md says who the attackers are.
type promise struct {
	row    string
	says   string
	proofs []string // package.Test, or file: the title of a browser test
	open   string   // what is not proved, or not done
}

func promises() []promise {
	return []promise{
		{"0", "A live relay that shows the victim everything is not stopped by numbers: the phone says site, place, age and device, and that the person must have opened the page.", []string{
			"attack.TestThePhoneSaysAllThatGivesARelayAway", "phone.TestScanShowsWhatIsAsked", "pages.TestThePageSaysEachSignOfARelayInWordsAndNoOther", "pages.TestThePageSaysWhereTheBrowserIs", "e2e/attacks.spec.mjs: the relay: the phone is told whose login it is, and a stale code needs the number", "e2e/attacks.spec.mjs: the relay: a fresh code says who asks, and a second watcher needs the number",
		}, ""},
		{"1", "No value in any picture opens anything, on any dialect.", []string{
			"attack.TestAPhotographerCannotCollectTheLogin", "attack.TestTheDoorsThatThePhotographerTriedAreDoors", "dialect.TestWhatThePictureSaysOpensNothing",
		}, ""},
		{"2", "Secrets have 128 bits and are the server's; what a store holds opens nothing.", []string{
			"attack.TestWhatAStoreHoldsOpensNothing", "login.TestAStoreNeverSeesASecret", "login.TestAHundredThousandLoginIDsShareNothing", "login.TestAScanCodeIsTwentyEightLettersAndIsReadBack",
			"attack.TestAClientCannotChooseItsLoginID",
		}, ""},
		{"3", "One ticket is one session, whoever asks how often and where.", []string{
			"attack.TestOneTicketIsOneSessionOnThreeNodes", "attack.TestATicketThatTwoPresentLetsNobodyIn", "login.TestOfAHundredThatRedeemOneTicketExactlyOneGetsTheSession",
			"login.TestASiteRedeemsATicketOnceAndASecondTimeIsHarmless", "site.TestTicketGivesOneSession",
		}, "nodes that share a Redis are tried while it restarts (redisstore.TestLoginsOverThreeNodes), not through its failover"},
		{"4", "After the redemption nothing that was recorded works; a code is the first phone's; an old one costs the number.", []string{
			"attack.TestAReplayedPollGetsNothing", "attack.TestASecondPhoneGetsNothing", "attack.TestAnOldPictureNeedsTheNumberAndADeadOneIsNothing", "login.TestACodeIsLockedToTheFirstPhone",
			"attack.TestWhereTheNumberCannotBeShownAYesIsRefusedInWords",
		}, ""},
		{"5", "The phone is told who asks; risk costs the number, three wrong ones the login; GET and HEAD change nothing.", []string{
			"attack.TestThePhoneSaysAllThatGivesARelayAway", "attack.TestASecondWatcherCostsTheNumber", "attack.TestAPictureWithoutItsPageCostsTheNumber", "attack.TestAnotherCountryCostsTheNumberAndAnotherAddressDoesNot",
			"attack.TestAThiefOfCookiesInAnotherCountryNeedsTheNumber", "login.TestAPushTicketUsedInAnotherPlaceCostsTheNumberByTheRuleOfTheApp", "login.TestThreeWrongNumbersDenyALogin", "login.TestWrongNumbersAtOnceAreCountedOneByOne", "attack.TestNoGETOrHEADChangesALogin",
		}, ""},
		{"6", "Identity comes from the verified token; before the approval nothing is told of the person.", []string{
			"attack.TestNobodyApprovesInAnothersName", "attack.TestAScanTellsNothingOfThePerson", "phone.TestOnlyTokensOfTheIssuerForUsAreTaken", "phone.TestATokenOfAliceWithBobInTheBodyIsAlices",
			"main.TestSitesInFourLanguagesSignPeopleIn",
		}, ""},
		{"7", "redirect_uri is byte-equal to a registered one; absolute URLs are of the public URL; unknown hosts get 421.", []string{
			"attack.TestOnlyRegisteredAddressesGetTickets", "attack.TestAForeignHostNameIsNeverRepeated", "login.TestARedirectURIMustBeRegisteredByteForByte", "login.TestNoEditOfARegisteredAddressIsOne", "login.FuzzRedirectMatch", "web.FuzzRedirectURI", "web.TestOnlyKnownHostsAreAnswered", "web.FuzzHost",
		}, ""},
		{"8", "A JSONP answer is one call of a plain name; the ticket's XML runs nothing.", []string{
			"attack.TestAScriptIsNeverAPageOrADownload", "attack.TestTheTicketPageRunsNothingOfAnybodys", "attack.TestCookiesChangeNothingOfWhatAScriptIsTold", "dialect.TestOnlyNamesAreCalled",
			"dialect.FuzzCallback", "dialect.TestNoNameOfAPersonBreaksOutOfAScript", "e2e/jsonp.mjs: one call of the name",
		}, ""},
		{"9", "Made-up addresses are one client; waiters are capped; slow clients are cut; an outage makes no storm.", []string{
			"attack.TestAThousandMadeUpAddressesAreOneClient", "web.TestASpoofedForwardedForChangesNothing", "dialect.TestWhenTheStoreIsDownPollsSayNothingYet", "dialect.TestWhoReadsNothingIsCutAndHoldsUpNobody",
			"web.TestABodyThatNeverComesHoldsNobody", "attack.TestAnAttackerWhoWaitsEverywhereKeepsNobodyOut",
		}, ""},
		{"10", "No log, metric or panic holds a secret; twenty new keys in mid-flow lose no login.", []string{
			"attack.TestNoSecretOfAnyWayInReachesTheLog", "attack.TestTwentyNewKeysInMidFlowLoseNoLogin", "login.TestTwentyRotationsInMidFlowLoseNoLogin", "web.TestNoSecretReachesTheLog", "web.TestAPanicReachesNobody",
		}, ""},

		{"T1", "Who observes the QR cannot collect.", []string{"attack.TestAPhotographerCannotCollectTheLogin", "login.TestALoginIDThatWasScannedCollectsOnlyWithTheBindingCookie", "dialect.TestAScannedIDNeedsTheCookieOfItsStart", "e2e/attacks.spec.mjs: the photographer has only the picture, and never gets a session"}, ""},
		{"T2", "QRLjacking: the phone is told, and risk costs the number.", []string{
			"attack.TestThePhoneSaysAllThatGivesARelayAway", "attack.TestASecondWatcherCostsTheNumber", "attack.TestAPictureWithoutItsPageCostsTheNumber", "attack.TestAnotherCountryCostsTheNumberAndAnotherAddressDoesNot", "login.TestEverySignIsToldAndAsksForTheNumberByTheRuleOfTheApp", "pages.TestThePageSaysEachSignOfARelayInWordsAndNoOther", "pages.TestThePageSaysWhereTheBrowserIs", "attack.TestAThiefOfCookiesInAnotherCountryNeedsTheNumber", "geo.TestAnotherCountryOrOperatorIsApartAndAnotherAddressIsNot", "e2e/attacks.spec.mjs: the relay: the phone is told whose login it is, and a stale code needs the number", "e2e/attacks.spec.mjs: the relay: a fresh code says who asks, and a second watcher needs the number",
		}, "a live relay whose victim does not read: accepted, see docs/security.md"},
		{"T3", "An old picture costs the number, a dead one is nothing.", []string{"attack.TestAnOldPictureNeedsTheNumberAndADeadOneIsNothing", "attack.TestAPictureThatAClientHasDrawnGrowsOldAsWell", "login.TestACodeOfEveryPastSlotScansALiveLoginAndAnOldOneNeedsTheNumber", "dialect.TestEachFrameOfTheAnimationIsTheCodeOfItsOwnSlot"}, ""},
		{"T4", "A second phone gets nothing; a site takes a ticket only where its login began.", []string{"attack.TestASecondPhoneGetsNothing", "login.TestOfFiftyPhonesThatScanOneCodeOneGetsIt", "demosite.TestATicketCountsOnlyWhereItsLoginBegan", "e2e/demosite.spec.mjs: a ticket that somebody else sent signs nobody in"}, "whoever scans a stranger's screen first can still show it his own name"},
		{"T5", "A replayed poll gets nothing.", []string{"attack.TestAReplayedPollGetsNothing", "audit.TestOurOwnServerPassesEveryCheck"}, ""},
		{"T6", "Ids are the server's, and random.", []string{"attack.TestAClientCannotChooseItsLoginID", "login.TestAHundredThousandLoginIDsShareNothing", "login.FuzzID", "login.FuzzCredentials", "audit.TestOurOwnServerPassesEveryCheck"}, ""},
		{"T7", "The phone's own claim is no identity.", []string{"attack.TestNobodyApprovesInAnothersName", "phone.TestATokenOfAliceWithBobInTheBodyIsAlices", "phone.TestOnlyTokensOfTheIssuerForUsAreTaken", "phone.TestASharedSecretTakesHS256Only"}, ""},
		{"T8", "A scan tells nothing of the person.", []string{"attack.TestAScanTellsNothingOfThePerson", "dialect.TestWhatTheBrowserLearnsBeforeTheApprovalIsTheAppsChoice"}, ""},
		{"T9", "Nobody is worn out by questions; a tap by chance is no yes.", []string{"attack.TestNobodyIsWornOutByQuestions", "login.TestAPersonIsAskedThreeTimesInTenMinutes", "pages.TestEnterIsNoAnswer", "e2e/attacks.spec.mjs: a tap at once is no answer"}, ""},
		{"T10", "A link preview changes nothing.", []string{"attack.TestNoGETOrHEADChangesALogin", "pages.TestOpeningACodeNeverMarksIt"}, ""},
		{"T11", "Short codes cannot be guessed.", []string{"web.TestTenThousandGuessesHitNothing", "web.TestGuessesAreLimitedByPersonAndByNetwork", "limit.TestARightTryTakesBackItselfOnly"}, ""},
		{"T12", "A stolen, unlocked phone approves nothing at an app that asks for passkeys, and enrols none.", []string{
			"attack.TestAStolenUnlockedPhoneApprovesNothingWhereAPasskeyIsAsked", "attack.TestAStolenPhonePageApprovesNothingWhereAPasskeyIsAsked", "login.TestNoApprovalGoesRoundThePasskey", "login.TestAPushLoginNeedsThePasskeyAsWell", "login.TestAChallengeIsOfAllThatIsApproved", "login.TestNobodyApprovesForAnAppThatIsGone", "login.TestOfRefusedPasskeysThreeAreTold",
			"passkey.TestAPasskeySignsOneChallengeForOnePhoneWithItsPersonVerified", "passkey.TestASealedCredentialIsGoodForItsTimeAndItsKeyAndAsItWasSealed", "passkey.TestAnEnrolmentNeedsAFreshSignInAndItsOwnChallenge", "passkey.TestOnlyKeysThatWereAskedForAreEnrolled", "passkey.FuzzSealed", "passkey.FuzzAnswers",
			"phone.TestAnApprovalWithoutItsPasskeyIsRefusedAndCostsNothing", "phone.FuzzApprove", "pages.TestAPasskeyNeedsAProviderThatHasJustAskedForProof", "e2e/passkey.spec.mjs: a passkey is added, and approves only with its person",
		}, "at other apps: the phone's own lock, and its app's, are what there is. Tried with an authenticator of software and that of Chromium, not with phones"},
		{"T13", "A yes that nobody collects is void.", []string{"attack.TestAYesThatNobodyCollectsIsVoidAfterAMinute", "login.TestATicketLastsSixtySecondsFromTheApproval"}, ""},

		{"T20", "No open redirect.", []string{"attack.TestOnlyRegisteredAddressesGetTickets", "login.TestNoEditOfARegisteredAddressIsOne", "web.FuzzRedirectURI", "pages.TestNextStaysOnThePhonesPages", "pages.FuzzNext"}, ""},
		{"T21", "A ticket is good once, soon, for its own site, as it was signed.", []string{"attack.TestATicketIsOfUseToNobodyElse", "login.TestATicketPageIsRefusedWithAnyParameterAltered", "login.FuzzRedeemPage", "login.TestARetiredKeyIsRefused"}, ""},
		{"T22", "A retry gets the same, a replay ends the session.", []string{"attack.TestATicketThatTwoPresentLetsNobodyIn", "dialect.TestTheSameClientMayAskForItsPageAgain", "dialect.TestAnotherClientWithTheSameTicketEndsTheSession"}, ""},
		{"T23", "No callback is more than a name.", []string{"attack.TestAScriptIsNeverAPageOrADownload", "dialect.TestOnlyNamesAreCalled", "dialect.FuzzCallback", "e2e/jsonp.mjs: one call of the name"}, ""},
		{"T24", "Cookies change nothing of what a script is told.", []string{"attack.TestCookiesChangeNothingOfWhatAScriptIsTold", "e2e/attacks.spec.mjs: a page of somebody else hears nothing of who is signed in"}, ""},
		{"T25", "No download that somebody has named.", []string{"attack.TestAScriptIsNeverAPageOrADownload"}, ""},
		{"T26", "The ticket page runs nothing.", []string{"attack.TestTheTicketPageRunsNothingOfAnybodys"}, ""},
		{"T27", "No clickjacking.", []string{"attack.TestNobodyFramesWhatPeopleDecideOn", "pages.TestEveryPageIsLockedDown", "e2e/widget-frame.spec.mjs: a stranger cannot frame it"}, ""},
		{"T28", "Messages of others are not heard.", []string{"e2e/widget-frame.spec.mjs: it listens to nobody", "e2e/widget-frame.spec.mjs: it tells nobody but the origin that it was given", "e2e/widget-frame.spec.mjs: a page that listens as the documents say hears the frame alone"}, ""},
		{"T29", "No path needs third-party cookies.", []string{"e2e/widget.spec.mjs: a number is shown, and typed on the phone", "e2e/widget.spec.mjs: third-party cookies allowed: a yes leads to the site", "pages.TestAFrameWithoutCookiesIsKnownByItsAddress"}, ""},
		{"T30", "No ticket leaks by Referer.", []string{"attack.TestNothingSecretIsKeptByCachesOrToldToOthers", "dialect.TestAStreamPassesProxiesAndCaches", "dialect.TestAnAnimationMayStandOnAnyPageAndIsNotKept", "dialect.TestWeChatOnTheWire"}, ""},
		{"T31", "No CSRF on the phone.", []string{"attack.TestAForeignPageDecidesNothing", "pages.TestForeignPostsAreRefused"}, ""},
		{"T32", "No cross-site WebSocket.", []string{"attack.TestAForeignPageOpensNoSocket", "dialect.TestOnlyPagesOfTheAppMayOpenASocket", "dialect.FuzzOrigin"}, ""},
		{"T33", "No cache keeps what is somebody's.", []string{"attack.TestNothingSecretIsKeptByCachesOrToldToOthers"}, ""},
		{"T34", "A Host header changes nothing.", []string{"attack.TestAForeignHostNameIsNeverRepeated", "web.TestOnlyKnownHostsAreAnswered", "web.FuzzHost"}, ""},
		{"T35", "No request hides behind another.", []string{"attack.TestNoRequestHidesBehindAnother", "web.TestTransferEncodingClosesTheConnection", "park.TestOnlyWhatNobodyCanTakeForSomethingElseIsPlain", "park.FuzzWhatIsPlainIsOneRequestForEverybody", "park.TestWhateverAHandlerDoesIsAnsweredAsByNetHTTP"}, "through nginx: only its settings are documented, and that it passes every dialect on is tested"},
		{"T36", "Made-up addresses are one client.", []string{"attack.TestAThousandMadeUpAddressesAreOneClient", "web.TestASpoofedForwardedForChangesNothing", "web.FuzzForwardedFor", "web.TestStartsAreLimitedPerAddressAndHeldBack"}, ""},

		{"T40", "Whoever waits everywhere keeps nobody out.", []string{"attack.TestAnAttackerWhoWaitsEverywhereKeepsNobodyOut", "limit.TestWhoGivesPlaceToWhom", "limit.TestHowManyMayWait", "limit.TestPausesAreLimitedToo"}, "memory under 50 000 waiters is a benchmark's, not a test's"},
		{"T41", "Slow clients and dead readers hold up nobody.", []string{
			"web.TestABodyThatNeverComesHoldsNobody", "dialect.TestWhoReadsNothingIsCutAndHoldsUpNobody", "dialect.TestASlowReaderIsCutAndHoldsUpNobody", "attack.TestHeadersThatNeverComeAreNotWaitedFor", "main.TestSlowAndLargeHeadersAreCut", "backchannel.TestADeadSiteHoldsUpNoOther", "web.TestAnOperatorsOwnDeadlinesHold",
		}, ""},
		{"T42", "A flood of starts ends in words, and passes.", []string{"attack.TestAFloodOfLoginsEndsInWordsAndPasses", "memstore.TestALimitedStoreIsFullUntilSomethingExpires", "dialect.TestAStartOverTheLimitIsHeldForFiveSeconds"}, ""},
		{"T43", "We make no reload storm.", []string{"dialect.TestWhenTheStoreIsDownPollsSayNothingYet", "dialect.TestAPageThatIsLeftOpenIsToldSoSlowly", "dialect.TestStartsOverTheLimitAreHeld"}, "not counted over 5000 real clients"},
		{"T44", "What a failover of the store loses is asked for again, and whoever waits is told.", []string{"redisstore.TestAFailoverLosesAWrite", "redisstore.TestAnAnswerIsLost", "redisstore.TestRedisRestartsWhileSomebodyWaits"}, "without Redis on the machine these tests are skipped; the phone's own retry until it sees redeemed is its app's"},
		{"T45", "No second redemption on another node.", []string{"attack.TestOneTicketIsOneSessionOnThreeNodes", "redisstore.TestLoginsOverThreeNodes", "redisstore.TestAChangeIsMadeOnce"}, "with a failover in between"},
		{"T46", "A message between nodes that is lost delays, and loses nothing.", []string{"redisstore.TestALostMessageDelaysAndLosesNothing", "redisstore.TestACutSubscriptionLosesNothing"}, ""},
		{"T47", "A dump of the store opens nothing.", []string{"attack.TestWhatAStoreHoldsOpensNothing", "login.TestAStoreNeverSeesASecret"}, ""},
		{"T48", "No secret in logs, metrics or traces.", []string{"attack.TestNoSecretOfAnyWayInReachesTheLog", "backchannel.TestWhatASiteAnswers", "backchannel.TestASiteThatEchoesItsNoticeIsNotQuoted", "web.TestAPanicReachesNobody", "audit.TestTheReportShowsNoSecret", "metrics.TestALoginInEachDialectIsCountedOnce", "trace.TestALoginOverTwoNodesIsOneTrace"}, ""},
		{"T49", "New keys lose no login; a retired one opens nothing.", []string{"attack.TestTwentyNewKeysInMidFlowLoseNoLogin", "login.TestARetiredKeyIsRefused", "login.TestWithoutTheirKeyLoginsHaveExpiredAndSessionsHaveEnded", "attack.TestAStolenKeyEndsItsLoginsAndSessions", "site.TestKeyRotationLosesNoToken", "main.TestReloadTakesNewKeysAndAppsAndKeepsLoginsUnderWay"}, ""},
		{"T50", "Unknown, forgotten and foreign answer alike.", []string{"attack.TestUnknownForgottenAndForeignAnswerAlike", "site.TestTicketsThatAreRefusedAnswerAlike", "attack.TestSecretsAreComparedInConstantTime", "attack.TestNoSecretIsComparedByTheByte"}, "nanoseconds are not measured"},
		{"T51", "The operator's pages are not public.", []string{"attack.TestTheOperatorsPagesAreNotPublic", "web.TestNoForeignPageAsksTheAdminListenerForAnything", "main.TestTheAdminListenerIsApart"}, ""},
		{"T52", "The widget is the one that was released.", []string{"e2e/examples.spec.mjs: the script with a hash is loaded, and nothing else with it", "e2e/examples.spec.mjs: the npm package has what it needs and no more"}, ""},
	}
}

// rows are all that must have a line above.
func rows() (all []string) {
	for i := range 11 {
		all = append(all, fmt.Sprint(i))
	}
	for _, span := range [][2]int{{1, 13}, {20, 36}, {40, 52}} {
		for i := span[0]; i <= span[1]; i++ {
			all = append(all, fmt.Sprintf("T%d", i))
		}
	}
	return all
}

func TestEveryPromiseHasAProof(t *testing.T) {
	tests := testsOf(t, "..")
	var have []string
	proved, open := 0, 0
	for _, p := range promises() {
		have = append(have, p.row)
		if p.open != "" {
			open++
			t.Logf("%s open: %s", p.row, p.open)
		}
		if len(p.proofs) == 0 {
			if p.open == "" {
				t.Errorf("%s: nothing proves it, and nothing says why", p.row)
			}
			continue
		}
		proved++
		for _, proof := range p.proofs {
			file, title, isFile := strings.Cut(proof, ": ")
			if !isFile {
				if !tests[proof] {
					t.Errorf("%s: there is no %s", p.row, proof)
				}
				continue
			}
			text, err := os.ReadFile(filepath.Join("..", "..", file))
			if err != nil || !declares(file, string(text), title) {
				t.Errorf("%s: there is no %q in %s", p.row, title, file)
			}
		}
	}
	if !slices.Equal(have, rows()) {
		t.Errorf("the rows are %v", have)
	}
	t.Logf("%d of %d rows have proofs; something is left of %d", proved, len(have), open)
}

// declares tells whether a file has a test of a title, the whole of it and no test that is
// left out; other programs for browsers say in their first lines what they hold.
func declares(file, text, title string) bool {
	if !strings.HasSuffix(file, ".spec.mjs") {
		return strings.Contains(text[:min(len(text), 1000)], title)
	}
	return regexp.MustCompile("(?m)^ *test\\(['\"`]" + regexp.QuoteMeta(title) + "['\"`], async").MatchString(text)
}

// testsOf lists every test and fuzzer as package.Name.
func testsOf(t *testing.T, root string) map[string]bool {
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
				found[strings.TrimSuffix(file.Name.Name, "_test")+"."+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
