running() {
	local file=${1#*'"file":"'}
	echo begun >&2
	until [[ -e ${file%%\"*} ]]; do sleep 0.01; done
	printf '"finished"'
}

hooks() {
	trap 'echo "hook of SIGTERM" >&2; sleep 0.02; echo "hook is done" >&2' TERM
	printf '"set"'
}

leaves() {
	trap 'echo "hook of SIGTERM" >&2; exit 0' TERM
	printf '"set"'
}
