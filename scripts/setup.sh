#!/usr/bin/env bash
# Installs what `make test` needs and this machine lacks: npm packages, two
# browsers, a C compiler for Go's race detector, Redis, three reverse proxies, PHP, what runs
# the old engines. Quick when nothing is missing.
#
# As root on Debian or Ubuntu the system parts come from apt. Otherwise the
# browsers are Playwright's own downloads, a missing compiler is an error, and
# the tests of Redis or of an old engine that is missing are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

has go || fail "Go is missing: install Go 1.26 or newer"
has node || fail "Node.js is missing: install version 20.19 or newer"
has npm || fail "npm is missing: install it beside Node.js"
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
	fail "Node.js $(node --version) is too old: install version 20.19 or newer"

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund
	touch node_modules/.package-lock.json
fi

can_apt() { [ "$(id -u)" = 0 ] && has apt-get; }
can_compile() { echo '#include <pthread.h>' | "$(go env CC)" -x c -fsyntax-only - 2>/dev/null; }
missing_browsers() { node e2e/browsers.mjs; } # prints the name of each one that is not here

if can_apt; then
	wanted=()
	can_compile || wanted+=(gcc libc6-dev)
	for browser in $(missing_browsers); do
		case $browser in
		chromium) wanted+=(chromium-headless-shell) ;;
		firefox) wanted+=(firefox-esr) ;;
		esac
	done
	for package in $(node e2e/old/engines.mjs --packages); do
		wanted+=("$package")
	done
	has redis-server || wanted+=(redis-server) # the tests start their own, on free ports
	[ -x /usr/sbin/nginx ] || wanted+=(nginx-light) # behind which the documents' configuration is tried
	has haproxy || wanted+=(haproxy)                # and these
	has caddy || wanted+=(caddy)
	has php || wanted+=(php-cli) # for the documents' example
	has zbarimg || wanted+=(zbar-tools) # a second opinion on QR pictures; the tests do without it
	if [ ${#wanted[@]} -gt 0 ]; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -qq || fail "apt-get update failed: see above"
		# Ubuntu packages neither browser as a .deb: what apt does not know is left for Playwright below.
		known=()
		for package in "${wanted[@]}"; do
			[ -z "$(apt-cache madison "$package")" ] || known+=("$package")
		done
		if [ ${#known[@]} -gt 0 ]; then
			echo "setup: apt-get install ${known[*]}"
			apt-get install -y -qq --no-install-recommends "${known[@]}" >/dev/null ||
				fail "apt-get install ${known[*]} failed: see above"
		fi
	fi
fi

can_compile || fail "no working C compiler, and Go's race detector needs one: install gcc and the C library's headers"

missing=$(missing_browsers | paste -sd ' ')
if [ -n "$missing" ]; then
	echo "setup: downloading Playwright's own $missing"
	options=(--only-shell)
	! can_apt || options+=(--with-deps)
	# shellcheck disable=SC2086 # one word each
	node_modules/.bin/playwright install "${options[@]}" $missing ||
		fail "cannot get $missing: install it by hand, or say where it is in E2E_CHROMIUM and E2E_FIREFOX"
fi
