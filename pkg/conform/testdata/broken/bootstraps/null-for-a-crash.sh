#!/bin/bash
# conform: runtime.crash: came the response
source /opt/minimal.sh
handler() {
	printf "%s\n" "$document" >&"${runtime[1]}"
	IFS= read -r document <&"${runtime[0]}" || document=null
}
main
