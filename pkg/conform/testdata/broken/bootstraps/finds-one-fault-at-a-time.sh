#!/bin/bash
# conform: init.complete: does not say
source /opt/minimal.sh
check() {
	local name
	for name in "${names[@]}"; do
		[[ -x /opt/middlewares/$name ]] || { missing=" $name"; return; }
	done
}
main
