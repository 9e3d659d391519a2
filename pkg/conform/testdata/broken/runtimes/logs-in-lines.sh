#!/bin/bash
# conform: lines.one-each: printed more on stdout
while IFS= read -r event; do
	printf '%s\n' "$event"
	printf 'that was an event of %d bytes\n' "${#event}"
done
