# The kit's handlers for Python (docs/conform.md).
import os
import sys
import time


def on_echo(event, context):
    return event


def on_fail(event, context):
    raise ValueError(event["message"])


def on_sleep(event, context):
    time.sleep(event["ms"] / 1000)
    return {"slept": True}


def on_exit(event, context):
    os._exit(event["status"])


def on_print(event, context):
    print(event["text"])
    print(event["text"], file=sys.stderr)
    return {"printed": True}


def on_context(event, context):
    return {
        "requestId": context.aws_request_id,
        "functionArn": context.invoked_function_arn,
        "remainingMs": context.get_remaining_time_in_millis(),
    }


def on_stream(event, context):
    for text in event["chunks"]:
        yield text
    if event.get("fail"):
        raise ValueError("in mid-stream")
