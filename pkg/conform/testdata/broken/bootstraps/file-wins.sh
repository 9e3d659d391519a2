#!/bin/bash
# conform: list.variable: due is
[[ ! -e /opt/sor.json ]] || unset SLSMIDDLEWARES
exec /opt/own
