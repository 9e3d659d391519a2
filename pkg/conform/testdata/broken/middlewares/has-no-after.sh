#!/bin/bash
# conform: exec.hook.after: failed on all of
if [[ $1 == after ]]; then
	echo "usage: $0 before" >&2
	exit 1
fi
cat
