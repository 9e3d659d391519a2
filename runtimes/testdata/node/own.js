// What only the Node runtime has.
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
let flushed = false

exports.sync = (event) => ({ sync: event })
exports.nothing = async () => {}
exports.orders = { v2: { handler: async () => 'nested' } }
exports.notAFunction = 42
exports.callback = (event, context, callback) => {
  setTimeout(() => { flushed = true }, 50)
  callback(null, 'first')
  callback(null, 'second')
}
exports.flushed = async () => flushed
exports.impatient = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false
  setTimeout(() => {}, 60000).unref()
  setInterval(() => {}, 60000)
  callback(null, 'at once')
}
exports.callbackError = (event, context, callback) => callback(new RangeError('by callback'))
exports.callbackText = (event, context, callback) => callback('just text')
exports.promiseOfThree = async (event, context, callback) => 'promise'
exports.succeed = (event, context) => { setTimeout(() => context.succeed('legacy'), 5) }
exports.done = (event, context) => { context.done(new Error('legacy')) }
exports.unsettled = () => new Promise(() => {})
exports.object = async () => { throw { a: 1 } } // eslint-disable-line no-throw-literal
exports.rejection = async () => { Promise.reject(new Error('nobody listens')); await wait(10000) }
exports.exception = async () => { setTimeout(() => { throw new RangeError('thrown later') }, 1); await wait(10000) }
exports.bigint = async () => 1n
exports.keys = async (event, context) => Object.keys(JSON.parse(JSON.stringify(context)))
exports.extend = async (event, context) => { context.mine = { ...context }; return typeof context.mine.getRemainingTimeInMillis }
exports.dateError = async () => JSON.parse('{broken')
exports.later = async () => { await wait(1); deep() }
function deep () { throw new Error('deep') }
let flushes = 0
exports.waits = (event, context, callback) => {
  callback(null, flushes)
  setTimeout(() => { flushes++; console.log('flushed') }, 20)
}
exports.console = async () => {
  console.debug('not this')
  console.warn('low on %s', 'cheddar', 3)
  process.stdout.write('{"raw":true}\n')
}
