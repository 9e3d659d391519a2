#!/bin/bash
# conform: environment.function: due is
unset AWS_SECRET_ACCESS_KEY
exec /opt/own
