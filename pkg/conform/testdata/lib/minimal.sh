# A bootstrap of a few lines, on bash alone. It knows middlewares and the lines of 2018; those of testdata/broken call it and
# change one thing.
LC_ALL=C
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API##*:}

# ask METHOD PATH BODY TYPE leaves the answer in reply, and a request ID in id.
ask() {
	local line length=0
	exec 5<>"/dev/tcp/$host/$port"
	printf '%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\nLambda-Runtime-Function-Error-Type: %s\r\n\r\n%s' \
		"$1" "$2" "$host" "${#3}" "${4-}" "${3-}" >&5
	while IFS= read -r line <&5 && line=${line%$'\r'} && [[ $line ]]; do
		case ${line,,} in
		lambda-runtime-aws-request-id:*) id=${line#*: } ;;
		content-length:*) length=${line#*: } ;;
		esac
	done
	reply=''
	((length == 0)) || IFS= read -r -N "$length" reply <&5
	exec 5>&-
}

error() { printf '{"errorType":"%s","errorMessage":"%s","stackTrace":[]}' "$1" "${2//[\"\\$'\n']/ }"; }

# hook NAME HOOK replaces document. It gives 0, 1 for a failure, of which message tells, or 2 for an early response.
hook() {
	local out status
	out=$("/opt/middlewares/$1" "$2" <<<"$document" 2>/tmp/stderr 3>/tmp/response)
	status=$?
	if ((status)); then
		message="middleware $1, $2: exit status $status: $(</tmp/stderr)"
		return 1
	fi
	if [[ -s /tmp/response ]]; then
		document=$(</tmp/response)
		return 2
	fi
	[[ -z $out ]] || document=$out
}

afters() { # of the first $1 middlewares, innermost first
	local i
	for ((i = $1 - 1; i >= 0; i--)); do
		hook "${names[i]}" after || return 1
	done
}

handler() {
	printf '%s\n' "$document" >&"${runtime[1]}"
	IFS= read -r document <&"${runtime[0]}"
}

invoke() {
	local i
	for ((i = 0; i < ${#names[@]}; i++)); do
		hook "${names[i]}" before
		case $? in
		1) return 1 ;;
		2) afters "$i"; return ;;
		esac
	done
	handler
	afters "${#names[@]}"
}

check() {
	local name
	for name in "${names[@]}"; do
		[[ -x /opt/middlewares/$name ]] || missing+=" $name"
	done
}

main() {
	cd /var/task || exit 1
	IFS=, read -r -a names <<<"${SLSMIDDLEWARES-}"
	missing=''
	check
	if [[ $missing ]]; then
		ask POST init/error "$(error Runtime.MiddlewareError "middlewares that are not there:$missing")" Runtime.MiddlewareError
		exit 1
	fi
	coproc runtime { exec /opt/language-runtime "$_HANDLER" 2>&1 2>/dev/null; }
	while ask GET invocation/next ''; do
		document=$reply
		if invoke; then
			ask POST "invocation/$id/response" "$document"
		else
			ask POST "invocation/$id/error" "$(error Runtime.MiddlewareError "$message")" Runtime.MiddlewareError
		fi
	done
}
