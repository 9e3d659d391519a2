"""The kit of the Serverless Open Runtime for a middleware in Python: the same program keeps the exec contract when it is
started with a hook as its argument, and speaks frames/1 when it is started without, as its manifest NAME.json asks for.
Python >= 3.8, no packages.

    import kit

    def before(event, invocation):
        if "token" not in event:
            return kit.respond({"statusCode": 403})

    kit.run(before=before)

It promises: what a hook prints is a log, its children's too; what it raises is the failure of one invocation; no child of
a hook gets the descriptors of the protocol. Invocations come one after the other, and a hook is a plain function.
"""

import json
import os
import sys
import time

IN, OUT = 4, 3
MAX_HEADER = 64 * 1024
HOOKS = ("before", "after", "error")
BY_HAND = "this is a middleware, started by the open runtime; to try it: sor middleware run NAME before, or echo '{}' | NAME before"
EMPTY = 'an empty result can\'t be told from none in exec mode: say "protocol": "frames/1" in the manifest'


class Failure(Exception):
    """Fails an invocation with an error type of its own. In exec mode there is no way to say one: every failure is a
    Runtime.MiddlewareError there, as whatever else is raised is in both modes."""

    def __init__(self, error_type, message):
        super().__init__(message)
        self.error_type = error_type


class Response:
    def __init__(self, value):
        self.value = value


def respond(value):
    """Makes the answer of before that skips the handler, or of error that handles the error: JSON, or bytes as they are."""
    return Response(value)


class Invocation:
    """What the runtime says of an invocation; None is what it does not say."""

    def __init__(self, hook, payload, middleware, deadline_ms, response, content_type, about):
        self.hook, self.payload, self.middleware = hook, payload, middleware
        self.deadline_ms, self.response, self.content_type = deadline_ms, response, content_type
        self.request_id = about.get("requestId")
        self.function_arn = about.get("functionArn")
        self.function_name = about.get("functionName")
        self.function_version = about.get("functionVersion")
        self.memory_mb = about.get("memoryMB")
        self.trace_id = about.get("traceId")
        self.tenant_id = about.get("tenantId")
        self.client_context = about.get("clientContext")
        self.cognito_identity = about.get("cognitoIdentity")

    def remaining_ms(self):
        return max(0, self.deadline_ms - int(time.time() * 1000))


def run(before=None, after=None, error=None, shutdown=None, raw=False):
    """Runs the middleware. A hook gets (document, invocation): JSON decoded, None for what is none, and with raw=True bytes
    always, as invocation.payload has them. It returns None for no change, bytes or whatever JSON can say, or respond(...).
    """
    hooks = dict(zip(HOOKS, (before, after, error)))
    stdout = keep_stdout()
    if len(sys.argv) > 1:
        sys.exit(run_once(hooks, raw, sys.argv[1], stdout))
    if not (is_pipe(IN) and is_pipe(OUT)):
        sys.stderr.write(BY_HAND + "\n")
        sys.exit(2)
    os.close(stdout)
    serve(hooks, raw, shutdown)


# ---- both modes ----


def keep_stdout():
    """Makes what hooks print a log, their children's too, and gives the stdout that was; no child of a hook gets it."""
    stdout = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stdout


def is_pipe(number):
    import stat

    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False


def write(number, data):
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]


def decode(payload, raw):
    if raw:
        return payload
    try:
        return json.loads(payload)
    except ValueError:
        return None  # a response may be anything


def encode(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return value
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate can only be written as \u
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def call(hooks, raw, invocation):
    """Gives (payload, responds); a payload of None is no change."""
    name = invocation.hook
    if name not in HOOKS:
        raise ValueError('there is no hook "%s"; there are before, after and error' % name)
    if hooks[name] is None:
        return None, False
    try:
        value = hooks[name](decode(invocation.payload, raw), invocation)
    except SystemExit as leaving:  # as a program that exits: 0 and nothing said is no change
        if leaving.code in (None, 0):
            return None, False
        raise RuntimeError("%s exited with %s" % (name, leaving.code)) from leaving
    if value is None:
        return None, False
    if not isinstance(value, Response):
        return encode(value), False
    if name == "after":
        raise RuntimeError("after can't respond: the response is what it got; it may replace it")
    return encode(value.value), True


def describe(error):
    import traceback

    typed = isinstance(error, Failure)
    message = str(error)
    if not typed and type(error) not in (Exception, RuntimeError):
        message = "%s: %s" % (type(error).__name__, message)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return {
        "errorType": error.error_type if typed else "Runtime.MiddlewareError",
        "errorMessage": message,
        "stackTrace": traceback.format_list(own),
    }


def log_failure(document):
    """Writes the message last: of what a middleware says in the end the runtime makes its own message."""
    sys.stderr.write("".join(document["stackTrace"]) + document["errorMessage"] + "\n")
    sys.stderr.flush()


# ---- exec: one hook of one invocation ----


def run_once(hooks, raw, hook, stdout):
    if hook not in HOOKS:
        sys.stderr.write('there is no hook "%s"; there are before, after and error\n' % hook)
        return 2
    if is_open(OUT):
        os.set_inheritable(OUT, False)
    env = os.environ.get
    about = {
        "requestId": env("SOR_REQUEST_ID"),
        "functionArn": env("SOR_FUNCTION_ARN"),
        "functionName": env("AWS_LAMBDA_FUNCTION_NAME"),
        "functionVersion": env("AWS_LAMBDA_FUNCTION_VERSION"),
        "memoryMB": int(env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 0) or None,
        "traceId": env("SOR_TRACE_ID"),
        "tenantId": env("SOR_TENANT_ID"),
        "clientContext": env("SOR_CLIENT_CONTEXT"),
    }
    payload = sys.stdin.buffer.read()
    if payload.endswith(b"\n"):
        payload = payload[:-1]
    deadline = int(env("SOR_DEADLINE_MS") or 0)
    invocation = Invocation(hook, payload, env("SOR_MIDDLEWARE"), deadline, env("SOR_RESPONSE"), None, about)
    try:
        output, responds = call(hooks, raw, invocation)
        if output is None:
            return 0
        if not len(output):
            raise RuntimeError(EMPTY)
        if responds and not is_open(OUT):
            raise RuntimeError("fd 3 is not open, and a response is written there")
        write(OUT if responds else stdout, bytes(output) + b"\n")  # the runtime trims the newline
        return 0
    except BaseException as error:  # a cancelled task, an interrupt: whatever a hook raises is its failure
        log_failure(describe(error))
        return 1


def is_open(number):
    try:
        os.fstat(number)
        return True
    except OSError:
        return False


# ---- persistent: frames/1 ----


class Frames:
    def __init__(self):
        for number in (IN, OUT):
            os.set_inheritable(number, False)
        self.source = open(IN, "rb", buffering=MAX_HEADER)
        self.max_payload = None  # hello says

    def read(self):
        """Gives (header, payload), or None at the end."""
        line = self.source.readline(MAX_HEADER)
        if not line:
            return None
        try:
            header = json.loads(line)
            kind, length = header["type"], header.get("length")
        except (ValueError, TypeError, KeyError, AttributeError):
            give_up("what came on fd 4 is no header")
        if length is None:
            return header, b""
        if not isinstance(length, int) or length < 0 or self.max_payload is not None and length > self.max_payload:
            give_up("a payload of %s bytes is announced with %s; %s are allowed" % (length, kind, self.max_payload))
        payload = self.source.read(length)
        return (header, payload) if len(payload) == length else None

    def write(self, header, payload=None):
        if payload is not None:
            header["length"] = len(payload)
        line = json.dumps(header).encode() + b"\n"
        if payload is not None and len(payload) <= MAX_HEADER:
            line, payload = line + payload, None
        try:
            write(OUT, line)
            if payload is not None:
                write(OUT, payload)
        except BrokenPipeError:
            sys.exit(0)  # nobody is left to answer


def give_up(cause):
    sys.stderr.write("frames/1: %s\n" % cause)
    sys.exit(1)


class Turn:
    """Whether a hook is running: a SIGTERM then waits for its end."""

    busy = leaving = False

    def terminate(self, _number, _frame):
        self.leaving = True
        if not self.busy:
            sys.exit(0)


def serve(hooks, raw, shutdown):
    import signal

    frames, turn = Frames(), Turn()
    signal.signal(signal.SIGTERM, turn.terminate)
    try:
        converse(frames, hooks, raw, turn)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if shutdown is not None:
            shutdown()


def converse(frames, hooks, raw, turn):
    name = None
    while not turn.leaving:
        frame = frames.read()
        if frame is None or frame[0]["type"] == "shutdown":
            return
        header, payload = frame
        if header["type"] == "hello":
            name = header.get("name")
            greet(frames, header)
        elif header["type"] == "invoke":
            turn.busy = True
            invoke(frames, hooks, raw, name, header, payload)
            turn.busy = False
        elif header["type"] != "cancel":  # cancel is not asked for: it could not be heard in the midst of a hook
            give_up('a frame of type "%s" is not known' % header["type"])


def greet(frames, hello):
    if 1 not in hello.get("versions", ()):
        give_up("version 1 is not offered")
    frames.max_payload = hello.get("maxPayload")
    ready = {"type": "ready", "version": 1}
    try:
        import faulthandler
        import signal

        faulthandler.register(signal.SIGUSR2, file=2, all_threads=True)
        ready["dumpSignal"] = "SIGUSR2"
    except (ImportError, AttributeError):
        pass
    frames.write(ready)


def invoke(frames, hooks, raw, name, header, payload):
    get = header.get
    invocation = Invocation(
        get("hook"), payload, name, get("deadlineMs"), get("response"), get("contentType"), get("context") or {}
    )
    try:
        output, responds = call(hooks, raw, invocation)
        if output is not None and frames.max_payload is not None and len(output) > frames.max_payload:
            raise RuntimeError("the output is %d bytes; %d are allowed" % (len(output), frames.max_payload))
    except BaseException as error:  # as above
        document = describe(error)
        log_failure(document)
        frames.write({"type": "error", "id": get("id")}, json.dumps(document).encode())
        return
    answer = {"type": "result", "id": get("id")}
    if output is None:
        answer["unchanged"] = True
    if responds:
        answer["respond"] = True
    frames.write(answer, output)
