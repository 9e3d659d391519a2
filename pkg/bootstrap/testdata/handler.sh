# The functions of the tests. work is what each of the four languages does, by the word in the event's do.
count=0

hello() { printf %s "$1"; }

work() {
	case $1 in
	*'"state"'*)
		printf '{"count":%d,"pid":%d}' $((++count)) $$
		;;
	*'"print"'*)
		printf '{"type":"result","id":"1","length":0}\nprinted line\nno newline' >&2
		printf '"printed"'
		;;
	*'"throw"'*)
		echo 'out of "cheese" 🧀' >&2
		return 1
		;;
	*'"hang"'* | *'"busy"'*)
		local file=${1#*'"pids":"'}
		sleep 300 &
		printf '%d %d ' $$ $! >"${file%%'"'*}"
		setsid sleep 300 &
		printf '%d' $! >>"${file%%'"'*}"
		[[ $1 != *'"busy"'* ]] || while :; do :; done
		wait
		;;
	*'"exit"'*)
		local status=${1#*'"status":'}
		exit "${status%%[!0-9]*}"
		;;
	*'"kill"'*) kill -KILL $$ ;;
	*'"big"'*)
		local bytes=${1#*'"bytes":'}
		printf '"%*s"' $((${bytes%%[!0-9]*} - 2)) ''
		;;
	*'"context"'*)
		local now
		printf -v now '%(%s)T' -1
		printf '{"left":%d,"traceID":"%s","arn":"%s"}' $((SOR_DEADLINE_MS - now * 1000)) "$_X_AMZN_TRACE_ID" "$SOR_FUNCTION_ARN"
		;;
	esac
}
