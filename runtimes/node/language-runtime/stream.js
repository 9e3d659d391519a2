'use strict'
// A streamed response: what a handler writes to its responseStream goes out at once, as chunks. What is written while the
// pipe is full goes out as one chunk when it is not. Where streams are not offered, all of it is one result at the end.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html

const { Writable } = require('stream')

const INTEGRATION = 'application/vnd.awslambda.http-integration-response'
const DEFAULT = 'application/octet-stream'
const SEPARATOR = Buffer.alloc(8) // between a prelude and what follows it
const LARGEST = 1024 * 1024 // chunk, in bytes
const LARGEST_PRELUDE = 60 * 1024 // it is in a header

// The turn's side of a stream: { chunk, end, result, fail, log }.
class ResponseStream extends Writable {
  #turn
  #offered
  #largest
  #collected = [] // where streams are not offered
  #begun = false
  #contentType
  #prelude

  constructor ({ highWaterMark = 64 * 1024, offered, largest }, turn) {
    super({ highWaterMark })
    this.#turn = turn
    this.#offered = offered
    this.#largest = Math.min(LARGEST, largest)
  }

  setContentType (contentType) {
    if (this.#begun) throw new Error('Cannot set content-type, too late.')
    this.#contentType = contentType
  }

  setPrelude (prelude) {
    const { length } = Buffer.from(JSON.stringify(prelude))
    if (length > LARGEST_PRELUDE) throw new Error(`The prelude of a streamed response is ${length} bytes; ${LARGEST_PRELUDE} are allowed`)
    this.setContentType(INTEGRATION)
    this.#prelude = prelude
  }

  // write takes what AWS's takes: what is neither text nor bytes is written as JSON.
  write (chunk, ...rest) {
    const plain = typeof chunk === 'string' || chunk instanceof Uint8Array
    return super.write(plain ? chunk : JSON.stringify(chunk), ...rest)
  }

  _write (chunk, encoding, callback) {
    const header = this.#begin()
    if (!this.#offered) {
      this.#collected.push(Buffer.from(chunk))
      return callback()
    }
    for (let at = 0; ;) {
      const piece = chunk.subarray(at, at += this.#largest)
      const final = at >= chunk.length
      this.#turn.chunk(at <= this.#largest ? header : {}, piece, final ? callback : undefined)
      if (final) return
    }
  }

  _writev (list, callback) {
    this._write(Buffer.concat(list.map(({ chunk }) => chunk)), 'buffer', callback)
  }

  // _final opens a stream that nobody has written to.
  _final (callback) {
    this.#begun ? callback() : this._write(Buffer.alloc(0), 'buffer', callback)
  }

  // begin gives what the first chunk says.
  #begin () {
    if (this.#begun) return {}
    this.#adoptPrelude()
    this.#begun = true
    if (!this.#offered) {
      if (this.#prelude) this.#collected.push(Buffer.from(JSON.stringify(this.#prelude)), SEPARATOR)
      return {}
    }
    return { contentType: this.#contentType || DEFAULT, prelude: this.#prelude }
  }

  // adoptPrelude takes over what libraries that have an HttpResponseStream of their own leave for AWS's client to call.
  #adoptPrelude () {
    if (typeof this._onBeforeFirstWrite !== 'function') return
    const pieces = []
    this._onBeforeFirstWrite((piece) => pieces.push(Buffer.from(piece)))
    const text = Buffer.concat(pieces)
    const end = text.indexOf(SEPARATOR)
    this.setPrelude(JSON.parse(text.subarray(0, end < 0 ? text.length : end).toString()))
  }

  // serve calls the handler, and ends the response when it has settled and the stream is finished, whichever is later.
  // What goes wrong after responseStream.end() is only logged, as by AWS: the response is whole.
  serve (handler, event, context) {
    let settled = false
    const settle = () => {
      if (!settled || (!this.writableFinished && !this.destroyed)) return
      this.writableFinished ? this.#end() : this.#turn.fail(this.errored || new Error('The response stream was destroyed before its end.'))
    }
    this.on('error', () => {}) // told when the handler has settled
    this.on('finish', settle)
    this.on('close', settle)
    const value = handler(event, this, context)
    if (!value || typeof value.then !== 'function') throw new Error('Streaming does not support non-async handlers.')
    value.then((result) => {
      if (result !== undefined) console.warn('Streaming handlers ignore return values.')
      settled = true
      settle()
    }, (err) => {
      if (!this.writableEnded || this.destroyed && !this.writableFinished) return this.#turn.fail(err)
      this.#turn.log(err)
      settled = true
      settle()
    })
  }

  // giveUp is called when nothing is left that could write.
  giveUp () {
    if (this.writableFinished) return this.#end()
    const err = new Error('Response stream is not finished: nothing is left that could write to it, and nobody has called responseStream.end().')
    err.name = 'Runtime.StreamError'
    err.stack = `${err.name}: ${err.message}`
    this.#turn.fail(err)
  }

  #end () {
    if (this.#offered) return this.#turn.end()
    this.#turn.result({ contentType: this.#contentType || DEFAULT }, Buffer.concat(this.#collected))
  }
}

function withPrelude (stream, prelude) {
  stream.setPrelude(prelude)
  return stream
}

module.exports = { open: (options, turn) => new ResponseStream(options, turn), withPrelude }
