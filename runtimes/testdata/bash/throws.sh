handler() { :; }
set -e
echo "at the top" >&2
false
