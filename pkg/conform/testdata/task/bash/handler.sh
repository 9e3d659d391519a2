# The kit's handlers for bash (docs/conform.md). JSON is only taken apart as far as the kit's own events need it.
on_echo() { printf '%s' "$1"; }

on_fail() {
	local message=${1#*\"message\":\"}
	message=${message%\"\}}
	message=${message//\\\"/\"}
	printf '%s\n' "$message" >&2
	return 1
}

on_sleep() {
	local ms=${1//[!0-9]/}
	((ms == 0)) || sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
	printf '{"slept":true}'
}

on_exit() { exit "${1//[!0-9]/}"; }

on_print() {
	local text=${1#*\"text\":\"}
	text=${text%\"\}}
	printf '%s\n%s\n' "$text" "$text" >&2 # stdout is the response
	printf '{"printed":true}'
}

on_context() {
	local now=${EPOCHREALTIME/./}
	printf '{"requestId":"%s","functionArn":"%s","remainingMs":%d}' "$SOR_REQUEST_ID" "$SOR_FUNCTION_ARN" $((SOR_DEADLINE_MS - now / 1000))
}
