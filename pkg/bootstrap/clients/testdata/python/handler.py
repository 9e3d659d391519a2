"""The witness on AWS's own client for Python: what an event is answered with is the same in all languages (clients_test.go)."""

import os
import signal
import subprocess
import sys
import time


class WitnessError(Exception):
    pass


count = 0  # the state that a warm environment keeps


def tell(context):
    """What the client made of the headers and the environment."""
    client = context.client_context
    return {
        "requestId": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "tenant": context.tenant_id,
        "client": client.client.app_title if client else None,
        "custom": client.custom.get("k") if client else None,
        "identity": context.identity.cognito_identity_id if context.identity else None,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "leftMs": context.get_remaining_time_in_millis(),
        "name": context.function_name,
        "version": context.function_version,
        "memoryMB": int(context.memory_limit_in_mb),
    }


def hello(event, context):
    global count
    op = event.get("op") if isinstance(event, dict) else None
    if op == "value":
        return event["value"]
    if op == "context":
        return tell(context)
    if op == "count":
        count += 1
        return count
    if op == "error":
        raise WitnessError(event.get("message", "out of cheese"))
    if op == "unserialisable":
        return {"n": object()}
    if op == "exit":
        os._exit(event["status"])
    if op == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if op == "sleep":
        time.sleep(event["ms"] / 1000)
        return "slept"
    if op == "big":
        return "x" * (event["bytes"] - 2)  # and two quotes
    if op == "print":
        print("printed")
        return "printed"
    if op == "fork":
        return subprocess.check_output(["sh", "-c", 'printf "%s" "$0"; cat | wc -c', "forked "], text=True).strip()
    return event
