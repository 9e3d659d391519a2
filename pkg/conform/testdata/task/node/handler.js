// The kit's handlers for Node (docs/conform.md).
const { setTimeout } = require('node:timers/promises')

exports.on_echo = async event => event

exports.on_fail = async event => { throw new Error(event.message) }

exports.on_sleep = async (event, context) => {
  await setTimeout(event.ms, undefined, { signal: context.signal })
  return { slept: true }
}

exports.on_exit = async event => process.exit(event.status)

exports.on_print = async event => {
  console.log(event.text)
  console.error(event.text)
  return { printed: true }
}

exports.on_context = async (event, context) => ({
  requestId: context.awsRequestId,
  functionArn: context.invokedFunctionArn,
  remainingMs: context.getRemainingTimeInMillis()
})

if (globalThis.awslambda?.streamifyResponse) {
  exports.on_stream = awslambda.streamifyResponse(async (event, responseStream) => {
    for (const text of event.chunks) responseStream.write(text)
    if (event.fail) throw new Error('in mid-stream')
    responseStream.end()
  })
}
