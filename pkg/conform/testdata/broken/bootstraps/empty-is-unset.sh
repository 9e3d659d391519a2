#!/bin/bash
# conform: list.empty: due is
[[ ${SLSMIDDLEWARES-} ]] || unset SLSMIDDLEWARES
exec /opt/own
