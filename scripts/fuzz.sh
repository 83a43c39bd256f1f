#!/usr/bin/env bash
# Runs every fuzzer of the module, one after the other: go test -fuzz takes only one at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}

go list ./... | while read -r package; do
	listed=$(go test -list '^Fuzz' "$package") || { echo "$listed" >&2; exit 1; }
	for fuzzer in $(grep '^Fuzz' <<<"$listed" || true); do
		echo "== $fuzzer, $package, $time"
		go test -run '^$' -fuzz "^$fuzzer\$" -fuzztime "$time" -fuzzminimizetime 20x "$package" </dev/null
	done
done
