# Every command a developer needs. `make` alone lists them.

LINT_VERSION := v2.15.0
VULN_VERSION := v1.8.0
FUZZTIME     ?= 30s

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINT    := .tools/golangci-lint-$(LINT_VERSION)/golangci-lint
VULN    := .tools/govulncheck-$(VULN_VERSION)/govulncheck

# The version comes from -ldflags below; a checkout that git refuses to read must still build.
export GOFLAGS := $(strip $(shell go env GOFLAGS 2>/dev/null) -buildvcs=false)

.DEFAULT_GOAL := help
.PHONY: help build run test check lint race unit es3 widget e2e screenshots shots fuzz mutations bench audit setup clean deb image

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-11s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## compile bin/qrlatch
	@go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/qrlatch ./server

run: build ## start the demo; LAN=1 lets a real phone scan, ARGS="--log-level debug" adds flags
	@exec bin/qrlatch --demo$(if $(filter 1,$(LAN)),=lan) $(ARGS)

# Browsers wait and compilers work, so e2e goes beside all the others, which follow each
# other. With -O, which the make of macOS has not, each is quiet until its end.
test: setup check build ## everything: format, vet, lint, Go with the race detector, scripts, browsers
	@$(MAKE) --no-print-directory -j2 -o setup -o build $(if $(filter output-sync,$(.FEATURES)),-O) e2e lint race es3 old

check: ## gofmt and go vet
	@unformatted=$$(gofmt -l $$(go list -f "{{.Dir}}" ./...) </dev/null) && test -z "$$unformatted" || { echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; }
	@go vet ./...

lint: $(LINT) ## golangci-lint with .golangci.yml
	@$(LINT) run ./...

race: ## Go tests with the race detector (needs a C compiler)
	@go test -race ./...
	@go test ./server/qr
unit: race

es3: setup build ## hold the pages' scripts and the widget to the language of Internet Explorer 6, the widget to its size, and answers for script tags to one call
	@node e2e/es3.mjs $(wildcard assets/*.js assets/widget/*.js e2e/old/*.js)
	@node scripts/widget.mjs --check
	@node e2e/jsonp.mjs

widget: setup ## build assets/widget/qrlatch.v1.js, and put its hash into the documents
	@node scripts/widget.mjs

screenshots: setup build ## take the README's pictures anew, docs/*.png, and docs/login.gif (needs ffmpeg)
	@README_SHOTS=1 node_modules/.bin/playwright test --config e2e/playwright.config.mjs --project=chromium screenshots

shots: setup build ## every page × state × language × light and dark, side by side in e2e/.shots; ARGS="login widget"
	@node e2e/shots.mjs $(ARGS)

e2e: setup build ## browser tests in Chromium and Firefox; ARGS=--project=firefox narrows them
	@node_modules/.bin/playwright test --config e2e/playwright.config.mjs $(ARGS)

old: setup build ## the widget in Internet Explorer 6 to 9 (HtmlUnit), PhantomJS and WebKitGTK
	@node e2e/old/engines.mjs
	@node_modules/.bin/playwright test --config e2e/old/playwright.config.mjs --pass-with-no-tests $(ARGS)

fuzz: ## run every fuzzer for FUZZTIME (30s) each
	@scripts/fuzz.sh $(FUZZTIME)

mutations: ## take the mitigations away one by one and see that a test notices each; ARGS=T23 narrows them
	@go run ./scripts/mutations $(ARGS)

bench: build ## memory, wake-up and CPU beside net/http, Echo, r3labs/sse and Nchan; ARGS="-quick" or "memory wake" (Linux; installs nginx)
	@go build -o bin/bench ./scripts/bench
	@exec bin/bench $(ARGS)

audit: $(VULN) ## known vulnerabilities in npm packages and Go modules
	@scripts/audit.sh $(VULN)

setup: ## install what the tests need and this machine lacks
	@scripts/setup.sh
	@$(MAKE) -s $(LINT)

clean: ## remove everything these commands made
	rm -rf bin .tools node_modules e2e/.results e2e/.shots

# packaging/test-deb.sh and packaging/test-unit.sh try a package out, as root on Debian.
deb: ## build a Debian package in bin, the same bytes everywhere; GOARCH=arm64 for another machine
	@VERSION='$(VERSION)' packaging/deb.sh

image: ## build the container image qrlatch, with docker, podman or buildah
	@tool=$$(command -v docker || command -v podman || command -v buildah) || { echo "install docker, podman or buildah"; exit 1; }; \
	case $$tool in *docker) ;; *) set -- --format docker ;; esac; \
	$$tool build "$$@" --build-arg VERSION='$(VERSION)' -f packaging/Dockerfile -t qrlatch .

$(LINT):
	@echo "installing golangci-lint $(LINT_VERSION), about a minute"
	@GOBIN=$(CURDIR)/$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

$(VULN):
	@GOBIN=$(CURDIR)/$(@D) go install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)
