#!/bin/bash
# conform: failure.status: came the response
source /opt/minimal.sh
hook() {
	local out
	out=$("/opt/middlewares/$1" "$2" <<<"$document" 3>/dev/null) && [[ $out ]] && document=$out
	return 0
}
main
