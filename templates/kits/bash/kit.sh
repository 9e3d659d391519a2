# shellcheck shell=bash
# The kit of the Serverless Open Runtime for a middleware in bash: the same program keeps the exec contract when it is started
# with a hook as its argument, and speaks frames/1 when it is started without, as its manifest NAME.json may ask for.
# bash >= 4.2 and no other program.
#
#   source "${BASH_SOURCE%/*}/kit.sh"
#   before() { [[ $1 == *'"token"'* ]] || respond '{"statusCode":403}'; }
#   kit_run "$@"
#
# The functions are before, after and error, those that there are, one at least, and shutdown before a persistent middleware exits. A hook
# has the document in $1 and on stdin, and what it prints, if anything, replaces it. SOR_* is as in the exec contract.
#
# It promises: hooks run in this very shell, without a fork, so their variables last; no program that one starts gets the
# descriptors of the protocol (a subshell in the background is no program); a status other than 0 is the failure of one
# invocation. It does not: carry NUL bytes. An exit in a hook, by set -e too, is answered, and ends the process: the runtime
# starts another. All names here begin with kit_ but respond and fail, and nothing leans on the options and the IFS of the
# program.

kit_eol=$'\n'
kit_fast=$((BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))
kit_max_header=65536
kit_max_payload=6291556
kit_options='' # of set, that the program has on
kit_pending='' # the id of the invocation that is running
kit_type=''    # what fail said
kit_message=''
declare -A kit_head # the header of the last frame, context.* flattened

# respond RESPONSE answers at once: in before, the handler and the middlewares further in do not run; in error, the error is
# handled. So does what is written on fd 3.
respond() {
	if [[ $SOR_HOOK == after ]]; then
		printf "after can't respond: the response is what it got; it may replace it\n" >&2
		return 1
	fi
	printf '%s\n' "$1" >&3
}

# fail TYPE MESSAGE makes a failure of the hook, whatever its status: fail Auth.Expired 'the token is too old'; return. In exec
# mode there is no way to say a type: every failure is a Runtime.MiddlewareError there.
fail() {
	kit_type=$1 kit_message=$2
	printf '%s\n' "$2" >&2
}

kit_run() {
	kit_options=${-//[!aefuvxC]/}
	if (($#)); then
		kit_once "$1"
	elif [[ -p /proc/self/fd/4 && -p /proc/self/fd/3 ]]; then
		set +aefuvxC
		kit_serve
	else
		printf "this is a middleware, started by the open runtime; to try it: sor middleware run NAME before, or echo '{}' | NAME before\n" >&2
		exit 2
	fi
}

# ---- exec: one hook of one invocation ----

kit_once() {
	local document=''
	case $1 in
	before | after | error) ;;
	*)
		printf 'there is no hook "%s"; there are before, after and error\n' "$1" >&2
		exit 2
		;;
	esac
	if ! declare -F -- "$1" >/dev/null; then
		kit_mistake || exit 0
		printf '%s\n' "$kit_text" >&2
		exit 1
	fi
	kit_read_all
	SOR_HOOK=$1
	"$1" "$document" <<<"$document"
	kit_status=$?
	exit $((kit_status ? kit_status : ${#kit_type} > 0))
}

# kit_mistake leaves in kit_text why this program can't be a middleware, and fails when it can. A hook that is misspelt would
# be one that is not there. To list the functions takes a fork: whoever has the hook that is asked for does not come here.
kit_mistake() {
	local hook name names missing=0
	names=$(compgen -A function) || :
	for hook in before after error; do
		! declare -F -- "$hook" >/dev/null || continue
		((++missing))
		while IFS= read -r name; do
			[[ $name != *[!a-zA-Z]* && $name != errors ]] && kit_near "$name" "$hook" || continue
			kit_text="the function $name is no hook, and nothing would call it; the hooks are before, after and error: "
			kit_text+="if $hook is meant, write so, else give it another name"
			return 0
		done <<<"$names"
	done
	((missing == 3)) || return 1
	kit_text='there is no hook: define a function before, after or error, ahead of kit_run'
}

# kit_near says whether one letter makes the difference, or two that changed places.
kit_near() {
	local a=$1 b=$2
	while [[ $a && ${a:0:1} == "${b:0:1}" ]]; do a=${a:1} b=${b:1}; done
	while [[ $a && $b && ${a: -1} == "${b: -1}" ]]; do a=${a%?} b=${b%?}; done
	((${#a} < 2 && ${#b} < 2)) || [[ ${#a} == 2 && $b == "${a:1}${a:0:1}" ]]
}

# kit_read_all reads stdin into document, less one newline. -N takes a pipe in blocks, and is done at its end with a status
# of 1. Not ${document%...}: without a newline there that takes bash minutes for 6 MB.
kit_read_all() {
	local LC_ALL=C
	IFS= read -r -N 7000000 document || :
	[[ ${document: -1} != "$kit_eol" ]] || document=${document:0:${#document}-1}
}

# ---- JSON, as much as headers and error documents need; bytes, not characters ----

# kit_parse reads the header in kit_rest into kit_head. Split at its quotes, every second piece is what a string holds, unless
# one of the quotes is escaped; a shell does that in one go, where a character at a time would take it milliseconds.
kit_parse() {
	local IFS=\" parts paths=() path='' key='' colon='' list='' i=0 n text tail
	set -f
	parts=($kit_rest)
	set +f
	n=${#parts[@]} kit_head=()
	while ((i < n)); do
		case ${parts[i]} in
		:) colon=1 ;;
		,) colon='' ;;
		*) kit_between "${parts[i]}" ;;
		esac
		((++i < n)) || break
		text=${parts[i++]}
		while [[ $text == *\\ ]]; do
			tail=${text##*[!\\]}
			((${#tail} % 2 && i < n)) || break
			text+=\"${parts[i++]} # it was escaped
		done
		if [[ $colon ]]; then kit_keep "$path$key" "$text"; else key=$text; fi
	done
}

# kit_between reads what is between two strings: numbers, brackets, and who is a key and who is not.
kit_between() {
	local rest=$1 c
	while [[ $rest ]]; do
		c=${rest:0:1} rest=${rest:1}
		case $c in
		:) colon=1 ;;
		,) colon=$list ;; # in a list of numbers values follow, no key
		'[') list=$colon ;;
		']') list='' ;;
		'{')
			paths+=("$path")
			((${#paths[@]} == 1)) || path+=$key.
			colon='' list=''
			;;
		'}')
			((${#paths[@]})) || kit_give_up 'what came on fd 4 is no header'
			path=${paths[${#paths[@]} - 1]}
			unset "paths[${#paths[@]}-1]"
			;;
		[-0-9a-z])
			c+=${rest%%[!0-9a-zE.+-]*}
			rest=${rest:${#c}-1}
			[[ -z $colon ]] || kit_keep "$path$key" "$c"
			;;
		esac
	done
}

kit_keep() {
	case $1 in
	type | id | length | hook | response | contentType | deadlineMs | maxPayload | name | context.[a-z]*) kit_head[$1]=$2 ;;
	versions) kit_head[$1]+=" $2 " ;; # a list
	esac
}

# kit_unescape leaves the text that $1 stands for in kit_text.
kit_unescape() {
	local rest=$1 code
	kit_text=''
	while [[ $rest == *\\* ]]; do
		kit_text+=${rest%%\\*}
		rest=${rest#*\\}
		case $rest in
		u[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]*)
			code=$((16#${rest:1:4}))
			rest=${rest:4}
			if [[ $code -ge 55296 && $code -le 56319 && $rest == ?\\u[dD][c-fC-F][0-9a-fA-F][0-9a-fA-F]* ]]; then
				code=$((65536 + ((code & 1023) << 10) + (16#${rest:3:4} & 1023)))
				rest=${rest:6}
			fi
			kit_utf8 "$code"
			;;
		n*) kit_text+=$'\n' ;;
		t*) kit_text+=$'\t' ;;
		r*) kit_text+=$'\r' ;;
		b*) kit_text+=$'\b' ;;
		f*) kit_text+=$'\f' ;;
		*) kit_text+=${rest:0:1} ;;
		esac
		rest=${rest:1}
	done
	kit_text+=$rest
}

# kit_utf8 adds the character with the code $1 to kit_text.
kit_utf8() {
	local c=$1 bytes
	if ((c < 128)); then
		printf -v bytes '\\x%x' "$c"
	elif ((c < 2048)); then
		printf -v bytes '\\x%x' $((192 | c >> 6)) $((128 | c & 63))
	elif ((c < 65536)); then
		printf -v bytes '\\x%x' $((224 | c >> 12)) $((128 | c >> 6 & 63)) $((128 | c & 63))
	else
		printf -v bytes '\\x%x' $((240 | c >> 18)) $((128 | c >> 12 & 63)) $((128 | c >> 6 & 63)) $((128 | c & 63))
	fi
	printf -v bytes '%b' "$bytes"
	kit_text+=$bytes
}

# kit_escape leaves $1 in kit_text as it stands between the quotes of a JSON string.
kit_escape() {
	local LC_ALL=C backslash=\\ quote=\" code char escaped
	kit_text=${1//"$backslash"/"$backslash$backslash"}
	kit_text=${kit_text//"$quote"/"$backslash$quote"}
	[[ $kit_text == *[[:cntrl:]]* ]] || return 0
	for code in {1..31}; do
		printf -v escaped '\\x%02x' "$code"
		printf -v char '%b' "$escaped"
		printf -v escaped '\\u%04x' "$code"
		kit_text=${kit_text//"$char"/"$escaped"}
	done
}

# ---- frames ----

kit_give_up() {
	printf 'frames/1: %s\n' "$1" >&2
	kit_pending=''
	exit 1
}

# kit_read reads the next frame into kit_head and kit_payload. At the end it fails.
kit_read() {
	local LC_ALL=C length
	IFS= read -r -u 198 kit_rest || return 1
	((${#kit_rest} < kit_max_header)) || kit_give_up 'a header is over 64 KiB'
	[[ $kit_rest == {* ]] || kit_give_up 'what came on fd 4 is no header'
	kit_payload=''
	kit_parse
	length=${kit_head[length]-0}
	[[ $length =~ ^[0-9]{1,15}$ ]] && ((length <= kit_max_payload)) ||
		kit_give_up "a payload of $length bytes is announced; $kit_max_payload are allowed"
	((length == 0)) || IFS= read -r -N "$length" -u 198 kit_payload
}

# kit_send writes a frame: its type, more of its header, and its payload.
kit_send() {
	local LC_ALL=C
	printf '{"type":"%s"%s%s,"length":%d}\n%s' "$1" "${kit_pending:+,\"id\":\"$kit_pending\"}" "$2" "${#3}" "$3" >&199
}

# kit_error answers with the error of the type $1 and the message $2.
kit_error() {
	local message=$2
	kit_escape "$1"
	local type=$kit_text
	kit_escape "$message"
	kit_send error '' "{\"errorType\":\"$type\",\"errorMessage\":\"$kit_text\",\"stackTrace\":[]}"
}

# ---- persistent: frames/1 ----

# kit_file makes a file without a name that hooks print into, and leaves its descriptor in kit_fd.
kit_file() {
	local name=${TMPDIR:-/tmp}/middleware.$$.$RANDOM$RANDOM
	exec {kit_fd}<>"$name" || kit_give_up "$name can't be made: what hooks print needs a place"
	command rm -f -- "$name"
}

# kit_spare makes 197 another 199, for an exit in the midst of a hook, whose call has closed that. No child gets it: bash
# keeps what a redirection hides in a descriptor from 10 on that is close-on-exec, and a copy of that one is so too.
kit_spare() {
	local fd
	for fd in {10..60}; do
		[[ /proc/self/fd/$fd -ef /proc/self/fd/199 ]] || continue
		exec 197>&"$fd"
		return
	done
}

# kit_told says to a hook what Lambda says of the invocation, in the words of the exec contract.
kit_told() {
	SOR_HOOK=${kit_head[hook]-} SOR_RESPONSE=${kit_head[response]-} SOR_DEADLINE_MS=${kit_head[deadlineMs]-}
	SOR_REQUEST_ID=${kit_head[context.requestId]-} SOR_FUNCTION_ARN=${kit_head[context.functionArn]-}
	SOR_TRACE_ID=${kit_head[context.traceId]-} SOR_TENANT_ID=${kit_head[context.tenantId]-} SOR_CLIENT_CONTEXT=${kit_head[context.clientContext]-}
	if [[ $SOR_TENANT_ID == *\\* ]]; then
		kit_unescape "$SOR_TENANT_ID"
		SOR_TENANT_ID=$kit_text
	fi
	if [[ $SOR_CLIENT_CONTEXT == *\\* ]]; then
		kit_unescape "$SOR_CLIENT_CONTEXT"
		SOR_CLIENT_CONTEXT=$kit_text
	fi
	_X_AMZN_TRACE_ID=$SOR_TRACE_ID
}

# kit_call calls the hook with the options that the program has set. fd 3 is the response, in after there is none. What a hook
# prints overwrites what the last one did, and a NUL byte ends it: to empty a file takes milliseconds on many a disk. 195 and
# 196 are where to write that byte, whatever the hook does to its own descriptors.
kit_call() {
	kit_type='' kit_message=''
	[[ -z $kit_options ]] || set -"$kit_options"
	if [[ $SOR_HOOK == after ]]; then
		{
			after "$kit_payload"
			kit_end "$?"
		} <<<"$kit_payload" 1<>"/proc/self/fd/$kit_out" 196>&1 3>&- 198<&- 199>&-
	else
		{
			"$SOR_HOOK" "$kit_payload"
			kit_end "$?"
		} <<<"$kit_payload" 1<>"/proc/self/fd/$kit_out" 196>&1 3<>"/proc/self/fd/$kit_early" 195>&3 198<&- 199>&-
	fi
}

kit_end() {
	kit_status=$1 kit_options=${-//[!aefuvxC]/}
	[[ -z $kit_options ]] || { set +aefuvxC; } 2>/dev/null
	printf '\0' >&196
	[[ $SOR_HOOK == after ]] || printf '\0' >&195
}

kit_invoke() {
	kit_pending=${kit_head[id]-}
	kit_told
	case $SOR_HOOK in
	before | after | error)
		if declare -F -- "$SOR_HOOK" >/dev/null; then
			kit_call
			kit_answer "$kit_status" "$SOR_HOOK returned $kit_status"
		else
			printf '{"type":"result","id":"%s","unchanged":true}\n' "$kit_pending" >&199
		fi
		;;
	*) kit_error Runtime.MiddlewareError "there is no hook \"$SOR_HOOK\"; there are before, after and error" ;;
	esac
	kit_pending=''
}

# kit_answer answers for a hook that ended with the status $1; $2 is the message when it said none.
kit_answer() {
	local LC_ALL=C made='' more=''
	if (($1)) || [[ $kit_type ]]; then
		kit_error "${kit_type:-Runtime.MiddlewareError}" "${kit_message:-$2; what it said is in the log}"
		return
	fi
	if [[ $SOR_HOOK != after ]] && kit_take "$kit_early"; then
		more=',"respond":true'
	else
		kit_take "$kit_out" || {
			printf '{"type":"result","id":"%s","unchanged":true}\n' "$kit_pending" >&199
			return
		}
	fi
	if ((${#made} > kit_max_payload)); then
		kit_error Runtime.MiddlewareError "the output is ${#made} bytes; $kit_max_payload are allowed"
	else
		kit_send result "$more" "$made"
	fi
}

# kit_take leaves in made what was printed into a file, less one newline, and fails when that is nothing.
kit_take() {
	if ((kit_fast)); then
		mapfile -n 1 -d '' made <"/proc/self/fd/$1" # twice as fast as read
	else
		IFS= read -r -d '' made <"/proc/self/fd/$1" || :
	fi
	[[ $made ]] || return 1
	[[ ${made: -1} != "$kit_eol" ]] || made=${made:0:${#made}-1}
	[[ $made ]]
}

# kit_leave is called at every exit. One in a hook is answered first.
kit_leave() {
	local status=$?
	set +aefuvxC
	trap - TERM
	[[ -e /proc/self/fd/199 ]] || exec 199>&197 # the hook's call is still the one that has closed it
	if [[ $kit_pending && -e /proc/self/fd/196 ]]; then kit_end "$status"; fi
	[[ -z $kit_pending ]] || kit_answer "$status" "$SOR_HOOK exited with $status"
	if declare -F shutdown >/dev/null; then shutdown 197>&- 198<&- 199>&-; fi
}

# kit_terminate waits for the end of a hook that is running.
kit_terminate() {
	kit_leaving=1
	[[ $kit_pending ]] || exit 0
}

kit_serve() {
	# Our ends move out of the way of users, who like low numbers. Each call of a hook closes them for itself.
	exec 198<&4 199>&3
	kit_spare 3>&-
	exec 3>&- 4<&- 1>&2
	kit_file
	kit_out=$kit_fd
	kit_file
	kit_early=$kit_fd kit_leaving=''
	trap kit_leave EXIT
	trap kit_terminate TERM
	export SOR_HOOK SOR_MIDDLEWARE SOR_RESPONSE SOR_REQUEST_ID SOR_DEADLINE_MS SOR_FUNCTION_ARN SOR_TRACE_ID SOR_TENANT_ID \
		SOR_CLIENT_CONTEXT _X_AMZN_TRACE_ID
	kit_read || exit 0
	[[ ${kit_head[type]-} == hello ]] || kit_give_up 'hello is due'
	[[ ${kit_head[versions]-} == *' 1 '* ]] || kit_give_up 'version 1 is not offered'
	kit_max_payload=${kit_head[maxPayload]-$kit_max_payload}
	SOR_MIDDLEWARE=${kit_head[name]-}
	if kit_mistake; then
		printf '%s\n' "$kit_text" >&2
		kit_error Runtime.MiddlewareError "$kit_text"
		trap - EXIT
		exit 1
	fi
	printf '{"type":"ready","version":1}\n' >&199
	while [[ -z $kit_leaving ]] && kit_read; do
		case ${kit_head[type]-} in
		invoke) kit_invoke ;;
		cancel) ;; # it is not asked for: it could not be heard in the midst of a hook
		shutdown) exit 0 ;;
		*) kit_give_up "a frame of type \"${kit_head[type]-}\" is not known" ;;
		esac
	done
	exit 0
}
