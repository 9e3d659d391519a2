#!/bin/bash
# A persistent middleware in a shell, one id at a time; with a hook for its argument it is an exec middleware.
LC_ALL=C
if [[ $# -gt 0 ]]; then
	read -r -N 7000000 document || true
	[[ $1 == before && $document == \{*\"name\"* ]] && printf '{"seen":true,%s' "${document#\{}"
	exit 0
fi
answer() { printf '{"type":"%s","id":%s%s' "$1" "$id" "$2" >&3; }
refuse() { printf '{"type":"error"%s,"length":%d}\n%s' "$1" "${#2}" "$2" >&3; }
while IFS= read -r header <&4; do
	payload=''
	[[ $header =~ \"length\":([0-9]+)\}$ ]] && ((BASH_REMATCH[1] > 0)) && IFS= read -r -N "${BASH_REMATCH[1]}" payload <&4
	[[ $header =~ \"type\":\"([a-z]*)\" ]]
	type=${BASH_REMATCH[1]}
	# A shell reads no JSON: what only these have says what they are, whatever else is in the header.
	[[ $header == *'"versions"'* ]] && type=hello
	[[ $header == *'"deadlineMs"'* ]] && type=invoke
	case $type in
	hello)
		[[ $header =~ \"versions\":\[([0-9,]*)\] ]]
		if [[ ,${BASH_REMATCH[1]}, != *,1,* ]]; then
			refuse '' '{"errorType":"Runtime.StartError","errorMessage":"version 1 is not offered"}'
			exit 1
		fi
		printf '{"type":"ready","version":1}\n' >&3
		;;
	invoke)
		# The id is the text between the quotes after "id":, its escapes with it.
		[[ $header =~ ^.*\"type\":\"invoke\",\"id\":(\"([^\"\\]|\\.)*\") || $header =~ \"id\":(\"[0-9]*\"),\"later ]]
		id=${BASH_REMATCH[1]}
		[[ $header =~ \"hook\":\"([a-z]*)\" ]]
		case ${BASH_REMATCH[1]} in
		before)
			if [[ $payload == \{*\"name\"* ]]; then
				made="{\"seen\":true,${payload#\{}"
				answer result ",\"length\":${#made}}"$'\n'"$made"
			else
				answer result ',"unchanged":true}'$'\n'
			fi
			;;
		after) answer result ',"unchanged":true}'$'\n' ;;
		*) refuse ",\"id\":$id" '{"errorType":"Runtime.UnknownHook","errorMessage":"there is no such hook"}' ;;
		esac
		;;
	shutdown) exit 0 ;;
	*)
		echo "a frame of type $type is not known" >&2
		exit 1
		;;
	esac
done
exit 0
