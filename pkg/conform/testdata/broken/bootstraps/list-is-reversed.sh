#!/bin/bash
# conform: onion.order: and {"after":"a"|due is
IFS=, read -r -a names <<<"${SLSMIDDLEWARES-}"
reversed=""
for name in "${names[@]}"; do reversed=$name${reversed:+,$reversed}; done
SLSMIDDLEWARES=$reversed exec /opt/own
