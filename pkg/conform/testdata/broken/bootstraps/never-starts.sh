#!/bin/bash
# conform: onion.none: came the error
echo "there is something wrong" >&2
exit 1
