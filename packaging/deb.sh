#!/bin/sh
# Builds a Debian package, bin/qrlatch_<version>_<architecture>.deb, and prints its name.
# The same bytes come from the same VERSION and SOURCE_DATE_EPOCH, which git tells if they
# are not set. GOARCH=arm64 builds for another machine.
set -eu
cd "$(dirname "$0")/.."
export VERSION="${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}"
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"

# v1.2.0-rc1 comes before v1.2.0, and v1.2.0-7-g0123abc after it; what has no tag before all.
case $VERSION in
v[0-9]*) version=$(echo "${VERSION#v}" | sed 's/-rc/~rc/; s/-/+/g') ;;
*) version=0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M).$(echo "$VERSION" | tr -c '0-9A-Za-z\n' .) ;;
esac
case $(go env GOARCH) in
386) architecture=i386 ;;
arm) architecture=armhf ;;
ppc64le) architecture=ppc64el ;;
*) architecture=$(go env GOARCH) ;;
esac

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
umask 022
GOOS=linux packaging/build.sh "$root/usr/bin/qrlatch"
install -D -m 644 -t "$root/usr/lib/systemd/system" packaging/qrlatch.service
install -D -m 644 -t "$root/etc/qrlatch" packaging/qrlatch.yaml
install -D -m 644 -t "$root/usr/share/doc/qrlatch" ./*.md
install -D -m 644 -t "$root/usr/share/doc/qrlatch/docs" docs/*.md docs/openapi.yaml
install -D -m 644 -t "$root/usr/share/qrlatch" packaging/grafana/qrlatch.json packaging/prometheus/alerts.yaml
install -D -m 644 LICENSE "$root/usr/share/doc/qrlatch/copyright"
install -D -m 755 -t "$root/DEBIAN" packaging/deb/postinst packaging/deb/prerm packaging/deb/postrm
echo /etc/qrlatch/qrlatch.yaml >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/control" <<END
Package: qrlatch
Version: $version
Architecture: $architecture
Maintainer: ${MAINTAINER:-$(sed -n 's/^Copyright (c) [0-9-]* //p' LICENSE) <qrlatch@localhost>}
Depends: passwd, ca-certificates
Suggests: redis-server | valkey-server
Section: net
Priority: optional
Installed-Size: $(du -sk --apparent-size "$root" | cut -f 1)
Description: server for scan to log in
 A browser shows a QR code, a phone that is already signed in scans it and
 approves, and that browser is let in. It speaks the wire format of WeChat
 Web, JSON, JSONP, server-sent events and WebSocket.
END
mkdir -p bin
deb=bin/qrlatch_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$deb" >/dev/null
echo "$deb"
