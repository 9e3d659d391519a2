#!/bin/bash
# The lines of 2018, for handlers in bash.
LC_ALL=C # bytes are enough here, and faster
name=${1##*.}
source "$LAMBDA_TASK_ROOT/${1%.*}.sh" || exit 1
declare -F -- "$name" >/dev/null || exit 1
while IFS= read -r event; do
	answer=''
	# In this very shell, so that its exit is an exit: it prints on a file without a name.
	"$name" "$event" >"/proc/self/fd/9" 9<&9 || exit 1
	exec 8<"/proc/self/fd/9"
	IFS= read -r -d '' answer <&8
	exec 8<&-
	: >"/proc/self/fd/9"
	printf '%s\n' "$answer"
done 9<>"$(mktemp)"
