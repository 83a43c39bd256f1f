#!/bin/bash
# Builds the package in two folders, which must give the same bytes, then installs, runs,
# upgrades, removes and purges it in a throw-away copy of this machine. Needs root on Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
soon() { for _ in $(seq 100); do "$@" && return; sleep 0.1; done; return 1; }
fail() { echo "test-deb: $*" >&2; exit 1; }

inside() { # in namespaces of mounts, network and processes of its own, which end with it
	local copy=$1/copy
	ip link set lo up
	mount -t tmpfs tmpfs "$1/layer"
	mkdir "$1/layer/upper" "$1/layer/work"
	mount -t overlay -o "lowerdir=/,upperdir=$1/layer/upper,workdir=$1/layer/work" overlay "$copy"
	mount -t proc proc "$copy/proc"
	mount -t tmpfs tmpfs "$copy/tmp"
	mount --rbind /dev "$copy/dev"
	cp "$1"/*.deb packaging/test-deb.sh "$copy/tmp/"
	chroot "$copy" bash /tmp/test-deb.sh --installed
}

installed() {
	cd /tmp
	dpkg -i qrlatch_*.deb
	qrlatch version | grep -q '^qrlatch ' || fail "version"
	qrlatch config check --config /etc/qrlatch/qrlatch.yaml || fail "the configuration that comes with it"
	[ "$(stat -c '%U %G %a' /etc/qrlatch /etc/qrlatch/keys | paste -sd /)" = "root qrlatch 750/root qrlatch 640" ] || fail "rights"
	! setpriv --reuid nobody --regid nogroup --clear-groups cat /etc/qrlatch/keys 2>/dev/null || fail "anybody reads the keys"
	systemd-analyze verify qrlatch.service || fail "the unit"

	local as_user=(setpriv --reuid qrlatch --regid qrlatch --clear-groups --no-new-privs)
	! "${as_user[@]}" sh -c ': >>/etc/qrlatch/qrlatch.yaml' 2>/dev/null || fail "the server may change its file"
	"${as_user[@]}" qrlatch --config /etc/qrlatch/qrlatch.yaml 2>log & local pid=$!
	soon qrlatch health 2>/dev/null || fail "not alive: $(cat log)"
	qrlatch health http://127.0.0.1:9090/readyz || fail "not ready: $(cat log)"
	local answer
	answer=$(curl -sS -H 'Host: login.example' 'http://127.0.0.1:8080/jslogin?appid=shop')
	[[ $answer == *'QRLogin.code = 200'* ]] || fail "a login: $answer"
	kill -HUP $pid
	soon grep -q '"reloaded"' log || fail "no reload: $(cat log)"
	kill $pid
	wait $pid || fail "stopped with $?: $(cat log)"
	! grep '"WARN"\|"ERROR"' log || fail "it complained"

	# The next version leaves keys and file as they are.
	dpkg-deb -R qrlatch_*.deb next
	sed -i 's/^Version: .*/&+next/' next/DEBIAN/control
	dpkg-deb -b next next.deb >/dev/null
	echo '# ours' >>/etc/qrlatch/qrlatch.yaml
	sha256sum /etc/qrlatch/keys /etc/qrlatch/qrlatch.yaml >before
	dpkg -i next.deb
	sha256sum --quiet -c before || fail "an upgrade changed what is ours"
	[ "$(stat -c '%G %a' /etc/qrlatch)" = "qrlatch 750" ] || fail "an upgrade opened /etc/qrlatch"

	dpkg -r qrlatch
	[ ! -e /usr/bin/qrlatch ] || fail "it is still there"
	sha256sum --quiet -c before || fail "removal took what is ours"
	dpkg -P qrlatch
	[ ! -e /etc/qrlatch ] || fail "purged, and yet there: $(ls -A /etc/qrlatch)"
}

case ${1-} in
--inside) inside "$2"; exit ;;
--installed) installed; exit ;;
esac
[ "$(id -u)" = 0 ] || fail "needs root"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/copy" "$work/layer" "$work/elsewhere"
VERSION=$(git describe --tags --always --dirty 2>/dev/null || echo dev)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export VERSION SOURCE_DATE_EPOCH
cp -r go.mod go.sum ./*.md LICENSE docs assets templates server packaging "$work/elsewhere"
first=$(packaging/deb.sh)
second=$(umask 077 && TZ=Asia/Tokyo "$work/elsewhere/packaging/deb.sh")
cmp "$first" "$work/elsewhere/$second" || fail "two folders, two packages"
cp "$first" "$work"
unshare --mount --net --pid --fork bash packaging/test-deb.sh --inside "$work"
echo "test-deb: $(basename "$first") is good"
