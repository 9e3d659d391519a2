# What only the bash runtime has.
declare -A shelf=([cheddar]=3)
declare -i total

exec 5<<<'kept open'

shelf() { printf '"%s"' "${shelf[cheddar]-gone}"; }

kept() {
	local line
	read -r line <&5 || :
	printf '"%s"' "$line"
}

silent() { return 4; }

nothing() { :; }

children() {
	sleep 0.01 &
	wait
	printf '"waited"'
}

locale() { printf '"%s"' "${LC_ALL-unset}"; }

newlines() { printf '"a"\n\n'; }

number() { printf '%s' "$#"; }

large() { printf '"%*s"' 4000000 ''; }

json() { printf '"%s"' "$SOR_CLIENT_CONTEXT"; }

quiet() { exec 2>/dev/null; return 3; }
