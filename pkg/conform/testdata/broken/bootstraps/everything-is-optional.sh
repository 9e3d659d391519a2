#!/bin/bash
# conform: failure.status: came the response
SLSMIDDLEWARES=${SLSMIDDLEWARES//,/?,}?
exec /opt/own
