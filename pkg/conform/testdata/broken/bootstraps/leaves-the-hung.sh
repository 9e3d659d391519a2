#!/bin/bash
# conform: persistent.hangs: timed out
source /opt/minimal.sh
mkfifo /tmp/in /tmp/out
/opt/middlewares/p 4</tmp/in 3>/tmp/out >&2 &
exec 7>/tmp/in 8</tmp/out
printf '{"type":"hello","version":1}\n' >&7
read -r _ <&8
number=0
hook() {
	local header
	[[ $2 == before ]] || return 0
	printf '{"type":"invoke","id":"%d","hook":"before","length":%d}\n%s' "$((++number))" "${#document}" "$document" >&7
	if ! IFS= read -r -t 0.3 header <&8; then
		message="middleware $1, before: timed out after 300 ms"
		return 1
	fi
	[[ $header =~ \"length\":([0-9]+) ]] && IFS= read -r -N "${BASH_REMATCH[1]}" document <&8
}
main
