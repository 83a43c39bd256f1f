#!/usr/bin/env bash
# Looks for known vulnerabilities. Fails when one is found; where a database
# cannot be asked, says so in one line and goes on. Its argument is govulncheck.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0

if ! report=$(npm audit --include=dev --audit-level=high 2>&1); then
	if grep -q 'audit endpoint returned an error' <<<"$report"; then
		echo "audit: npm's advisories are out of reach; npm packages were NOT checked"
	else
		echo "$report"
		status=1
	fi
else
	echo "audit: npm packages: nothing high or critical"
fi

if report=$("$1" ./... 2>&1); then
	echo "audit: Go modules: nothing that this code calls"
elif grep -q 'fetching vulnerabilities' <<<"$report"; then
	echo "audit: the Go vulnerability database is out of reach; Go modules were NOT checked"
else
	echo "$report"
	status=1
fi
exit $status
