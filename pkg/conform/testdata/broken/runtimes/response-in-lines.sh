#!/bin/bash
# conform: handler.echo: printed no line|it ended|echo made
while IFS= read -r event; do
	printf '%s' "$event" # and no newline
done
