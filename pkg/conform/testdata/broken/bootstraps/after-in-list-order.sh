#!/bin/bash
# conform: onion.order: due is
source /opt/minimal.sh
afters() {
	local i
	for ((i = 0; i < $1; i++)); do hook "${names[i]}" after || return 1; done
}
main
