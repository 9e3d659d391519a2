set -euo pipefail
IFS=$'\n\t'
set -f -C
total=0

ok() { printf '%d' $((++total)); }

falls() {
	echo 'about to fall' >&2
	false
	echo 'never here' >&2
}

unbound() { echo "$nowhere"; }

leaves() { exit 5; }

traced() {
	set -x
	printf '"traced"'
}
