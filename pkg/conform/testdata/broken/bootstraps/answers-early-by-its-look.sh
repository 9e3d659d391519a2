#!/bin/bash
# conform: early.response: came the error|due is
source /opt/minimal.sh
hook() {
	local out
	out=$("/opt/middlewares/$1" "$2" <<<"$document" 3>/dev/null) || return 1
	[[ $out != *statusCode* ]] || return 2
	[[ -z $out ]] || document=$out
}
main
