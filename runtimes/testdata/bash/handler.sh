count=0

same() { printf '%s\n' "$1"; }

count() { printf '%d\n' $((++count)); }

fails() {
	[[ $1 != *'"fail":false'* ]] || { echo '"fine"' && return; }
	echo 'first line' >&2
	echo 'out of 🧀 "cheese" \ ' >&2
	return 7
}

prints() {
	echo 'from the handler: 1' >&2
	echo 'an error line' >&2
	echo '{"type":"result","id":"1","length":0}' >&2
	printf 'no newline' >&2
	echo '"printed"'
}

leave() {
	printf 'last words' >&2
	exit 3
}

stdin() {
	local event
	event=$(cat)
	[[ $event == "$1" ]] && printf '"the event"'
}

descriptors() {
	local fd separator='['
	while read -r fd; do
		printf '%s"%s"' "$separator" "$fd"
		separator=,
	done < <(sh -c 'for fd in /proc/self/fd/*; do readlink "$fd"; done')
	printf ']'
}

large() { printf '"%*s"' $((6 * 1024 * 1024 + 99)) ''; }

context() {
	local client=${SOR_CLIENT_CONTEXT#*'"k":"'} identity=${SOR_COGNITO_IDENTITY#*'"cognitoIdentityId":"'}
	local now
	printf -v now '%(%s)T' -1
	cat <<JSON
{"requestId":"$SOR_REQUEST_ID","arn":"$SOR_FUNCTION_ARN","name":"$AWS_LAMBDA_FUNCTION_NAME",
 "version":"$AWS_LAMBDA_FUNCTION_VERSION","memory":"$AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
 "logGroup":"$AWS_LAMBDA_LOG_GROUP_NAME","logStream":"$AWS_LAMBDA_LOG_STREAM_NAME","tenant":"$SOR_TENANT_ID",
 "client":"${client%%\"*}","identity":"${identity%%\"*}","remaining":$((SOR_DEADLINE_MS - now * 1000)),
 "traceId":"$_X_AMZN_TRACE_ID","handler":"$_HANDLER"}
JSON
}

crash() {
	printf 'last words\n' >&2
	kill -KILL $$
}
