'use strict'
// The kit of the Serverless Open Runtime for a middleware in Node: the same program keeps the exec contract when it is
// started with a hook as its argument, and speaks frames/1 when it is started without, as its manifest NAME.json asks for.
// Node >= 18, no packages.
//
//   const { run, respond } = require('./kit')
//   run({ before (event, invocation) { if (!event.token) return respond({ statusCode: 403 }) } })
//
// It promises: what a hook prints is a log; what it throws is the failure of one invocation. Hooks may be async, and in
// persistent mode run at the same time; invocation.signal ends when the runtime cancels the invocation, and at its deadline.
// Node marks the descriptors that it was started with as close-on-exec, so no child of a hook gets the protocol's.

const fs = require('fs')

const IN = 4
const OUT = 3
const MAX_HEADER = 64 * 1024
const HOOKS = ['before', 'after', 'error']
const TAKES = [...HOOKS, 'shutdown', 'raw']

// Failure fails an invocation with an error type of its own. In exec mode there is no way to say one: every failure is a
// Runtime.MiddlewareError there, as whatever else is thrown is in both modes.
class Failure extends Error {
  constructor (errorType, message) {
    super(message)
    this.name = errorType
    this.errorType = errorType
  }
}

class Response {
  constructor (value) { this.value = value }
}

// respond makes the answer of before that skips the handler, or of error that handles the error: JSON, or bytes as they are.
function respond (value) { return new Response(value) }

// run takes the hooks before(event, invocation), after(response, invocation), error(document, invocation), each may be
// missing but not all, and shutdown(). Nothing else: a hook that is misspelt would be one that is not there. A hook gets JSON decoded, undefined for what is none, and with raw: true a Buffer always, as is
// in invocation.payload. It returns undefined for no change, a Buffer or whatever JSON can say, or respond(…).
function run (hooks = {}) {
  keepStdout()
  const hook = process.argv[2]
  if (hook !== undefined) return runOnce(hooks, hook)
  if (isPipe(IN) && isPipe(OUT)) return serve(hooks)
  console.error('this is a middleware, started by the open runtime; to try it: sor middleware run NAME before, or echo \'{}\' | NAME before')
  process.exit(2)
}

// ---- both modes ----

// keepStdout makes what hooks print a log, written at once.
function keepStdout () {
  process.stderr._handle?.setBlocking?.(true)
  process.stdout.write = process.stderr.write.bind(process.stderr)
  globalThis.console = new console.Console(process.stderr, process.stderr)
}

// mistake says what is wrong with what run got, or undefined. Methods of a class are hooks as well.
function mistake (hooks) {
  if (hooks === null || typeof hooks !== 'object') return `run takes an object with the hooks before, after and error, and got ${hooks === null ? 'null' : typeof hooks}`
  for (let from = hooks; from && from !== Object.prototype; from = Object.getPrototypeOf(from)) {
    const unknown = Object.getOwnPropertyNames(from).find((name) => !TAKES.includes(name) && !(from !== hooks && name === 'constructor'))
    if (unknown !== undefined) return `run got "${unknown}", which is no hook, and nothing would call it: it takes before, after and error, and shutdown and raw`
  }
  const wrong = TAKES.find((name) => name !== 'raw' && hooks[name] != null && typeof hooks[name] !== 'function')
  if (wrong) return `run got ${wrong}, which is no function but ${typeof hooks[wrong]}: write ${wrong} as one, or leave it out`
  if (HOOKS.every((name) => hooks[name] == null)) return 'run got no hook: it takes before, after and error, one of them at least, and shutdown and raw'
}

// isPipe says whether a parent has opened a descriptor. Where it has not, Node has: its epoll, which is no pipe.
function isPipe (fd) {
  try {
    return fs.fstatSync(fd).isFIFO()
  } catch {
    return false
  }
}

// write blocks until all is out.
function write (fd, data) {
  for (let at = 0; at < data.length;) {
    try {
      at += fs.writeSync(fd, data, at)
    } catch (err) {
      if (err.code !== 'EAGAIN') throw err
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1) // the pipe is full, and somebody made it non-blocking
    }
  }
}

function decode (payload, raw) {
  if (raw) return payload
  try {
    return JSON.parse(payload.toString())
  } catch {
    return undefined // a response may be anything
  }
}

// encode gives the bytes of what a hook returned.
function encode (value) {
  if (value instanceof Uint8Array) return value
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`a hook returned ${typeof value}, which JSON can't say`)
  return Buffer.from(text)
}

// call gives {payload, responds}, or undefined for no change.
async function call (hooks, invocation) {
  const { hook } = invocation
  if (!HOOKS.includes(hook)) throw new Error(`there is no hook "${hook}"; there are before, after and error`)
  if (typeof hooks[hook] !== 'function') return
  const value = await hooks[hook](decode(invocation.payload, hooks.raw), invocation)
  if (value === undefined) return
  if (!(value instanceof Response)) return { payload: encode(value), responds: false }
  if (hook === 'after') throw new Error('after can\'t respond: the response is what it got; it may replace it')
  return { payload: encode(value.value), responds: true }
}

// An Invocation has a signal only when somebody asks for it: it is not free.
class Invocation {
  constructor (fields) { Object.assign(this, fields) }

  get signal () { return this.#abort().signal }

  #controller
  #abort () {
    if (this.#controller) return this.#controller
    this.#controller = new AbortController()
    if (this.cancelled) this.cancel('cancelled by the runtime')
    const left = this.deadlineMs - Date.now()
    if (this.deadlineMs && left < 2 ** 31) setTimeout(() => this.cancel('the deadline has passed'), Math.max(0, left)).unref()
    return this.#controller
  }

  cancel (reason) {
    this.cancelled = true
    this.#controller?.abort(new Error(reason))
  }
}

function describe (err) {
  const isError = err instanceof Error
  const name = isError ? err.name : typeof err
  const message = isError ? err.message : String(err)
  const typed = isError && typeof err.errorType === 'string'
  const stack = isError && typeof err.stack === 'string' ? err.stack.split('\n') : []
  return {
    errorType: typed ? err.errorType : 'Runtime.MiddlewareError',
    errorMessage: typed || name === 'Error' ? message : `${name}: ${message}`,
    stackTrace: stack.filter((line) => /^\s+at /.test(line) && !line.includes(__filename) && !/node:internal/.test(line))
  }
}

// logFailure writes the message last: of what a middleware says in the end the runtime makes its own message.
function logFailure (document) {
  process.stderr.write([...document.stackTrace, document.errorMessage].join('\n') + '\n')
}

// ---- exec: one hook of one invocation ----

function runOnce (hooks, hook) {
  if (!HOOKS.includes(hook)) {
    console.error(`there is no hook "${hook}"; there are before, after and error`)
    process.exit(2)
  }
  const wrong = mistake(hooks)
  if (wrong) {
    console.error(wrong)
    process.exit(1)
  }
  const env = process.env
  let payload = fs.readFileSync(0)
  if (payload[payload.length - 1] === 10) payload = payload.subarray(0, -1)
  const invocation = new Invocation({
    hook,
    payload,
    middleware: env.SOR_MIDDLEWARE,
    requestId: env.SOR_REQUEST_ID,
    deadlineMs: Number(env.SOR_DEADLINE_MS) || 0,
    functionArn: env.SOR_FUNCTION_ARN,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryMB: Number(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE) || undefined,
    traceId: env.SOR_TRACE_ID,
    tenantId: env.SOR_TENANT_ID,
    clientContext: env.SOR_CLIENT_CONTEXT,
    response: env.SOR_RESPONSE
  })
  const fail = (err) => {
    logFailure(describe(err))
    process.exit(1)
  }
  process.on('uncaughtException', fail)
  process.on('beforeExit', () => fail(new Error(`${hook} waits for what never comes`)))
  call(hooks, invocation).then((made) => {
    if (made) say(made)
    process.exit(0)
  }).catch(fail)
}

// say writes a result, and the newline that the runtime trims.
function say ({ payload, responds }) {
  if (payload.length === 0) throw new Error('an empty result can\'t be told from none in exec mode: say "protocol": "frames/1" in the manifest')
  const out = Buffer.concat([payload, Buffer.from('\n')])
  if (!responds) return write(1, out)
  try {
    write(OUT, out)
  } catch (err) {
    throw new Error(`writing the response to fd 3: ${err.message}`)
  }
}

// ---- persistent: frames/1 ----

let maxPayload = Infinity // hello says
let output // of fd 3

function serve (hooks) {
  const { Socket } = require('net')
  const running = new Map() // id: invocation
  let name
  let leaving = false

  const leave = async () => {
    leaving = true
    if (running.size > 0) return
    leave.once ??= Promise.resolve(hooks.shutdown?.()).catch((err) => logFailure(describe(err)))
    await leave.once
    depart(0)
  }
  const finish = (id, header, payload) => {
    if (!running.delete(id)) return // it was answered when another failed
    send({ ...header, id }, payload)
    if (leaving) leave()
  }
  const refuse = (id, err) => {
    const document = describe(err)
    logFailure(document)
    finish(id, { type: 'error' }, Buffer.from(JSON.stringify(document)))
  }
  const invoke = ({ id, hook, deadlineMs, response, contentType, context }, payload) => {
    const invocation = new Invocation({ hook, payload: payload ?? Buffer.alloc(0), middleware: name, deadlineMs, response, contentType, ...context })
    running.set(id, invocation)
    call(hooks, invocation).then((made) => {
      if (!made) return finish(id, { type: 'result', unchanged: true })
      const n = made.payload.length
      if (n > maxPayload) throw new Error(`the output is ${n} bytes; ${maxPayload} are allowed`)
      finish(id, made.responds ? { type: 'result', respond: true } : { type: 'result' }, made.payload)
    }).catch((err) => refuse(id, err))
  }
  const greet = (hello) => {
    if (!Array.isArray(hello.versions) || !hello.versions.includes(1)) giveUp('version 1 is not offered')
    name = hello.name
    maxPayload = hello.maxPayload || maxPayload
    const wrong = mistake(hooks)
    if (wrong) {
      leaving = true
      console.error(wrong)
      send({ type: 'error' }, Buffer.from(JSON.stringify({ errorType: 'Runtime.MiddlewareError', errorMessage: wrong, stackTrace: [] })))
      return depart(1)
    }
    send({ type: 'ready', version: 1, capabilities: ['multiplex', 'cancel'].filter((each) => hello.capabilities?.includes(each)) })
  }

  // What nobody caught may belong to any of them, and what is left of the program nobody knows.
  process.on('uncaughtException', (err) => {
    if (running.size === 0) logFailure(describe(err))
    for (const id of [...running.keys()]) refuse(id, err)
    leaving = true
    depart(1)
  })
  process.on('SIGTERM', leave)
  output = new Socket({ fd: OUT, readable: false, writable: true })
  output.on('error', () => process.exit(0)) // nobody is left to answer
  const input = new Socket({ fd: IN, readable: true, writable: false })
  input.on('end', leave)
  input.on('error', leave)
  input.on('data', reader((header, payload) => {
    switch (header.type) {
      case 'hello': greet(header); break
      case 'invoke': if (!leaving) invoke(header, payload); break
      case 'cancel': running.get(header.id)?.cancel('cancelled by the runtime'); break
      case 'shutdown': leave(); break
      default: giveUp(`a frame of type "${header.type}" is not known`)
    }
  }))
}

function send (header, payload) {
  if (payload) header.length = payload.length
  const line = Buffer.from(JSON.stringify(header) + '\n')
  if (payload && payload.length <= MAX_HEADER) return put(Buffer.concat([line, payload]))
  put(line)
  if (payload) put(payload)
}

// put writes what the pipe takes at once, which is the fast way, and leaves the rest to the event loop: who waited here would
// not read, and the parent may write before it reads.
function put (data) {
  let at = 0
  try {
    while (at < data.length && output.writableLength === 0) at += fs.writeSync(OUT, data, at)
  } catch (err) {
    if (err.code === 'EPIPE') process.exit(0) // nobody is left to answer
    if (err.code !== 'EAGAIN') throw err
  }
  if (at < data.length) output.write(data.subarray(at))
}

// depart ends the process when all answers are out.
function depart (status) {
  if (output.writableLength === 0) process.exit(status)
  output.end(() => process.exit(status))
}

// reader gives a function that takes bytes as they come and calls emit(header, payload) for each whole frame.
function reader (emit) {
  let head = [] // pieces of a header without its end
  let size = 0
  let header = null // of a payload that is not yet whole
  let payload, filled
  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (!header) {
        const end = chunk.indexOf(10, at)
        const piece = chunk.subarray(at, end < 0 ? chunk.length : end)
        head.push(piece)
        size += piece.length
        if (size >= MAX_HEADER) giveUp('a header is over 64 KiB')
        if (end < 0) return
        at = end + 1
        header = parseHeader(Buffer.concat(head).toString())
        head = []
        size = filled = 0
        payload = header.length === undefined ? null : Buffer.allocUnsafe(header.length)
      }
      if (payload) {
        const n = chunk.copy(payload, filled, at)
        filled += n
        at += n
        if (filled < payload.length) return
      }
      const [h, p] = [header, payload]
      header = payload = null
      emit(h, p)
    }
  }
}

function parseHeader (line) {
  let header
  try {
    header = JSON.parse(line)
  } catch {}
  if (header === null || typeof header !== 'object' || typeof header.type !== 'string') giveUp('what came on fd 4 is no header')
  const n = header.length
  if (n !== undefined && !(Number.isSafeInteger(n) && n >= 0 && n <= maxPayload)) giveUp(`a payload of ${n} bytes is announced; ${maxPayload} are allowed`)
  return header
}

// giveUp ends a conversation that can't go on.
function giveUp (cause) {
  process.stderr.write(`frames/1: ${cause}\n`)
  process.exit(1)
}

module.exports = { run, respond, Failure }
