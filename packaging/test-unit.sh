#!/bin/bash
# Boots a throw-away copy of this machine, installs the package there and runs its unit as it
# is, hardening and all:  packaging/test-unit.sh bin/qrlatch_….deb
# Needs root on Debian and systemd-container.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "test-unit: $*" >&2; exit 1; }
soon() { for _ in $(seq 150); do "$@" && return; sleep 0.1; done; return 1; }
main_process() { systemctl show -P MainPID qrlatch; }
another() { [ "$(main_process)" != "$1" ] && qrlatch health 2>/dev/null; }

boot() { # in a namespace of mounts that ends with it
	local copy=$1/copy unit
	mount -t tmpfs tmpfs "$1/layer"
	mkdir "$1/layer/upper" "$1/layer/work"
	mount -t overlay -o "lowerdir=/,upperdir=$1/layer/upper,workdir=$1/layer/work" overlay "$copy"
	: >"$copy/etc/machine-id"
	rm -f "$copy/usr/sbin/policy-rc.d" # an image's way to say that packages start nothing
	unit=$copy/etc/systemd/system/test-unit.service
	printf '%s\n' '[Unit]' After=basic.target '[Service]' Type=oneshot \
		'ExecStart=/bin/bash /test/test-unit.sh --booted' \
		'ExecStopPost=/bin/systemctl --no-block --force poweroff' \
		StandardOutput=append:/test/log StandardError=inherit >"$unit"
	timeout 120 systemd-nspawn --quiet --register=no --keep-unit --private-network --directory "$copy" \
		--bind "$1/test:/test" --boot systemd.unit=test-unit.service >"$1/console" 2>&1 || true
}

booted() {
	dpkg -i /test/*.deb
	! systemctl --quiet is-active qrlatch || fail "started before it was configured"
	systemctl start qrlatch || fail "no start"
	soon qrlatch health http://127.0.0.1:9090/readyz 2>/dev/null || fail "not ready"
	local answer status
	answer=$(curl -sS -H 'Host: login.example' 'http://127.0.0.1:8080/jslogin?appid=shop')
	[[ $answer == *'QRLogin.code = 200'* ]] || fail "a login: $answer"
	status=/proc/$(main_process)/status
	for line in CapBnd:.0000000000000000 NoNewPrivs:.1 Seccomp:.2; do
		grep -q "^$line" "$status" || fail "not $line"
	done
	[ "$(ss -Hltn 'sport = 8080' | awk '{print $3}')" = "$(cat /proc/sys/net/core/somaxconn)" ] || fail "a short queue"

	# A bad file is told and changes nothing; a good one is taken.
	sed -i 's|^# audit_log|audit_log|' /etc/qrlatch/qrlatch.yaml
	systemctl reload qrlatch || fail "no reload"
	soon test -e /var/log/qrlatch/audit.log || fail "no audit log"
	echo 'poll_hold: soon' >>/etc/qrlatch/qrlatch.yaml
	! systemctl reload qrlatch || fail "a bad file was taken"
	qrlatch health || fail "a bad file ended it"

	# Back by itself after a crash, and, once it is mended, after a start with a bad file.
	! systemctl restart qrlatch || fail "started with a bad file"
	sed -i '$d' /etc/qrlatch/qrlatch.yaml
	soon qrlatch health 2>/dev/null || fail "it gave up"
	local before
	before=$(main_process)
	systemctl kill --signal=KILL qrlatch
	soon another "$before" || fail "it stayed away"
	before=$(main_process)
	dpkg -i /test/*.deb # the same again: an upgrade restarts what ran
	soon another "$before" || fail "an upgrade does not run"
	dpkg -P qrlatch
	! qrlatch health 2>/dev/null || fail "it runs on"
	for left in /etc/qrlatch /var/log/qrlatch; do
		[ ! -e $left ] || fail "purged, and yet there: $left"
	done
	echo "test-unit: good"
}

case ${1-} in
--boot) boot "$2"; exit ;;
--booted) trap 'journalctl -u qrlatch --no-pager -o cat | tail -30' ERR; booted; exit ;;
esac
[ "$(id -u)" = 0 ] || fail "needs root"
[ -e "${1-}" ] || fail "which package?"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/copy" "$work/layer" "$work/test"
cp "$1" packaging/test-unit.sh "$work/test/"
unshare --mount bash packaging/test-unit.sh --boot "$work"
cat "$work/test/log" || fail "it did not boot: $(tail -5 "$work/console")"
tail -1 "$work/test/log" | grep -qx 'test-unit: good'
