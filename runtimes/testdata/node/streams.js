const fs = require('fs')
const { pipeline } = require('stream/promises')
const { Readable } = require('stream')
const { streamifyResponse, HttpResponseStream } = awslambda // eslint-disable-line no-undef
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// exists waits for a file, so that a test says when to go on.
async function exists (name) { while (!fs.existsSync(name)) await wait(1) }

exports.chunks = streamifyResponse(async (event, responseStream) => {
  responseStream.write('one')
  await exists(event.file)
  responseStream.write(Buffer.from([0xff, 0]))
  responseStream.end()
})
exports.prelude = streamifyResponse(async (event, responseStream) => {
  const metadata = { statusCode: 201, headers: { 'x-cheese': 'Cheddar 🧀' }, cookies: ['a=1'] }
  responseStream = HttpResponseStream.from(responseStream, metadata)
  responseStream.write('body')
  responseStream.end()
})
exports.empty = streamifyResponse(async (event, responseStream) => { responseStream.end() })
exports.breaks = streamifyResponse(async (event, responseStream) => {
  responseStream.write('one')
  throw new TypeError('in the middle')
})
exports.early = streamifyResponse(async () => { throw new TypeError('too early') })
exports.big = streamifyResponse(async (event, responseStream) => {
  console.log('begun')
  const ticks = setInterval(() => console.log('tick'), 1)
  const piece = Buffer.alloc(64 * 1024, 'x')
  await pipeline(Readable.from((function * () { for (let n = 0; n < 304; n++) yield piece })()), responseStream, { end: false })
  responseStream.end(Buffer.alloc(1024 * 1024, 'y'))
  clearInterval(ticks)
})
exports.twice = streamifyResponse(async (event, responseStream) => {
  responseStream.write('1')
  responseStream.end('2')
})

// What only Node has.
exports.typed = streamifyResponse(async (event, responseStream) => {
  responseStream.setContentType('text/html')
  responseStream.write({ a: 1 })
  let late
  try { responseStream.setContentType('text/plain') } catch (err) { late = err.message }
  responseStream.end(late)
})
exports.headOnly = streamifyResponse(async (event, responseStream) => {
  HttpResponseStream.from(responseStream, { statusCode: 204 }).end()
})
exports.foreign = streamifyResponse(async (event, responseStream) => { // as libraries with an HttpResponseStream of their own do
  responseStream.setContentType('application/vnd.awslambda.http-integration-response')
  responseStream._onBeforeFirstWrite = (write) => {
    write(JSON.stringify({ statusCode: 202 }))
    write(new Uint8Array(8))
  }
  responseStream.end('body')
})
exports.afterEnd = streamifyResponse(async (event, responseStream) => {
  responseStream.end('whole')
  await wait(1)
  throw new Error('after the end')
})
exports.unended = streamifyResponse(async (event, responseStream) => { responseStream.write('one') })
exports.later = streamifyResponse(async (event, responseStream) => { setTimeout(() => responseStream.end('later'), 5) })
exports.sync = streamifyResponse((event, responseStream) => { responseStream.end('x') })
exports.returns = streamifyResponse(async (event, responseStream) => {
  responseStream.end('x')
  return 'ignored'
})
exports.pipeBreaks = streamifyResponse(async (event, responseStream) => {
  await pipeline(Readable.from((async function * () {
    yield 'one'
    throw new RangeError('the source broke')
  })()), responseStream)
})
exports.destroys = streamifyResponse(async (event, responseStream) => {
  responseStream.write('one')
  responseStream.destroy(new RangeError('by the handler'))
})
exports.uncaught = streamifyResponse(async (event, responseStream) => {
  responseStream.write('x'.repeat(300 * 1024))
  setTimeout(() => { throw new RangeError('thrown later') }, 1)
  await wait(60000)
})
