const fs = require('fs')
const net = require('net')
const { streamifyResponse } = awslambda // eslint-disable-line no-undef
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
async function exists (name) { while (!fs.existsSync(name)) await wait(1) }

exports.cancellable = async (event, context) => {
  const { signal } = context
  console.log('begun')
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  return `${signal.reason.name} ${"signal" in { ...context }}`
}
exports.lateSignal = async (event, context) => {
  console.log('begun')
  await exists(event.file)
  return context.signal.aborted
}
exports.deaf = async () => {
  const server = net.createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const client = net.connect(server.address().port, '127.0.0.1')
  await new Promise((resolve) => client.once('connect', resolve))
  console.log('begun')
  await wait(600000)
}
exports.busy = async () => {
  fs.writeSync(1, 'begun\n') // Node's stack has ten frames, and console.log nearly as many
  spinsForEver()
}
exports.busyLater = async () => {
  await wait(50)
  fs.writeSync(1, 'begun\n') // Node's stack has ten frames, and console.log nearly as many
  spinsForEver()
}
function spinsForEver () { for (let n = 0; ; n++) if (n < 0) return n }
exports.waits = async () => {
  console.log('begun')
  await wait(600000)
}

exports.running = async (event) => {
  console.log('begun')
  await exists(event.file)
  return 'finished'
}
exports.hooks = async () => {
  process.on('SIGTERM', async () => {
    console.log('hook of SIGTERM')
    await wait(20)
    console.log('hook is done')
  })
  process.on('exit', () => fs.writeSync(1, 'hook of exit\n'))
  return 'set'
}
exports.beforeExit = async () => {
  let times = 0
  process.on('beforeExit', () => times++ || setTimeout(() => console.log('hook of beforeExit'), 5))
  return 'set'
}
exports.leaves = async () => {
  process.on('SIGTERM', () => { console.log('hook of SIGTERM'); process.exit(0) })
  setInterval(() => {}, 1000)
  return 'set'
}

// Several at once: each waits for all the others.
let there = 0
exports.together = async (event, context) => {
  there++
  while (there < event.all) await wait(1)
  await wait(event.n % 5)
  console.log('line of', event.n)
  if (event.n % 10 === 3) throw new RangeError(`error of ${event.n}`)
  return [event.n, context.awsRequestId, context.xRayTraceId, process.env._X_AMZN_TRACE_ID ?? null]
}
exports.streamTogether = streamifyResponse(async (event, responseStream, context) => {
  there++
  responseStream.write(`${event.n};`)
  while (there < event.all) await wait(1)
  for (let i = 0; i < 50; i++) {
    if (!responseStream.write(`${event.n};`.repeat(1000))) await new Promise((resolve) => responseStream.once('drain', resolve))
  }
  console.log('line of', event.n)
  responseStream.end()
})
exports.oneThrows = async (event) => {
  there++
  while (there < event.all) await wait(1)
  if (event.n === 0) setTimeout(() => { throw new RangeError('thrown by one') }, 1)
  await wait(600000)
}
exports.calls = (event, context, callback) => { // a callback does not wait for an empty event loop then
  setInterval(() => {}, 1000)
  callback(null, 'at once')
}
exports.oneCancelled = async (event, context) => {
  console.log('begun')
  return new Promise((resolve) => context.signal.addEventListener('abort', () => resolve(event.n)))
}
