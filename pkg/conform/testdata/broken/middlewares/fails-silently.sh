#!/bin/bash
# conform: exec.failure.says-why: said nothing on stderr
read -r -N 7000000 document
[[ $document == \{*\}* || $1 == after ]] || exit 4
printf %s "$document"
