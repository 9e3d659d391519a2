import json
import os
import signal
import subprocess
import sys

state = {"count": 0}


def same(event, context):
    return event


def count(event, context):
    state["count"] += 1
    return state["count"]


def fails(event, context):
    if event.get("fail") is False:
        return "fine"
    raise TypeError('out of 🧀\n"cheese"')


def prints(event, context):
    print("from the handler:", 1)
    print("an error line", file=sys.stderr)
    print('{"type":"result","id":"1","length":0}')
    print("no newline", end="")
    return "printed"


def leave(event, context):
    print("last words", end="")
    sys.exit(3)


def crash(event, context):
    print("last words", end="")
    os.kill(os.getpid(), signal.SIGKILL)


def stdin(event, context):
    return len(sys.stdin.read())


def descriptors(event, context):
    script = 'for fd in /proc/self/fd/*; do readlink "$fd"; done'
    return subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, close_fds=False).stdout.decode().split()


def large(event, context):
    return "x" * (6 * 1024 * 1024 + 99)


def context(event, context):
    return {
        "requestId": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "logGroup": context.log_group_name,
        "logStream": context.log_stream_name,
        "tenant": context.tenant_id,
        "client": context.client_context.custom["k"],
        "identity": context.identity.cognito_identity_id,
        "remaining": context.get_remaining_time_in_millis(),
        "traceId": os.environ["_X_AMZN_TRACE_ID"],
        "handler": os.environ["_HANDLER"],
    }
