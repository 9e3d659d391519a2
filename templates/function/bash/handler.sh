# The handler of the function: the event is in $1 (and on stdin), and what it prints is the response. What it prints on
# stderr is its log, and a status other than 0 an error. The file is read once; the function runs once an invocation.

# bash has no JSON of its own. This takes the first "name" of the event, and keeps it escaped as it is in JSON.
name='"name"[[:space:]]*:[[:space:]]*"(([^"\]|\\.)*)"'

hello() {
	local who=world
	if [[ $1 =~ $name ]]; then
		who=${BASH_REMATCH[1]}
	fi
	printf '{"greeting":"hello %s"}\n' "$who"
}
