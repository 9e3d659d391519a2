#!/bin/bash
# conform: exec.repeat: was at first
mark=${TMPDIR:-/tmp}/works-every-other-time.$PPID
if [[ -e $mark ]]; then
	rm -f "$mark"
	echo "not this time" >&2
	exit 1
fi
: >"$mark"
cat
