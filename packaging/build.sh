#!/bin/sh
# Builds the binary that is shipped:  packaging/build.sh [file]
#
# It is static, and the same bytes come from the same sources, version and release of Go,
# in whatever folder and on whatever machine. GOOS and GOARCH choose for which one.
# VERSION is what `qrlatch version` says; without it git is asked.
set -eu
file=${1:-bin/qrlatch}
case $file in /*) ;; *) file=$PWD/$file ;; esac
cd "$(dirname "$0")/.."
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}

# What else Go would take from the environment and put into the binary.
unset GOAMD64 GOARM64 GOARM GO386 GOEXPERIMENT GOFIPS140 GODEBUG
export CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off
exec go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$version" -o "$file" ./server
