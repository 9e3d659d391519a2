"""What only the Python runtime has."""

import sys
from decimal import Decimal

had_logging = "logging" in sys.modules


def decimals(event, context):
    return {"price": Decimal("19.990"), "many": Decimal("12345678901234567890.5"), "list": [Decimal(3)]}


def raw(event, context):
    return b"\x00\xffraw"


def inner(event, context):
    return {"text": b"bytes"}


def surrogate(event, context):
    return "\ud800"


async def coroutine(event, context):
    return 1


def unmarshalable(event, context):
    return {1, 2}


def lazy(event, context):
    return had_logging


def log(event, context):
    import logging

    logger = logging.getLogger()
    logger.setLevel(logging.INFO)
    logger.info("an info line")
    logging.getLogger("deep.er").warning("a warning %s", "line")
    return len(logger.handlers)


def cancelled(event, context):
    import asyncio

    raise asyncio.CancelledError("stop")


def ids(event, context):
    return [context.client_context, context.identity.cognito_identity_id, repr(context).startswith("LambdaContext(")]


def unicode(event, context):
    return "héllo 🧀"


def extend(event, context):
    context.mine = "mine"
    return context.mine


def leave(event, context):
    sys.exit(0)


not_callable = 42


def greedy(event, context):
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    files = []
    while True:
        files.append(open("/dev/null"))
