const { execFileSync } = require('child_process')
const fs = require('fs')

let count = 0

exports.same = async (event) => event
exports.count = async () => ++count
exports.fails = async (event) => {
  if (event.fail === false) return 'fine'
  throw new TypeError('out of 🧀\n"cheese"')
}
exports.prints = async () => {
  console.log('from the handler: %d', 1)
  console.error('an error line')
  process.stdout.write('{"type":"result","id":"1","length":0}\n')
  process.stdout.write('no newline')
  return 'printed'
}
exports.leave = async () => {
  process.stdout.write('last words')
  process.exit(3)
}
exports.crash = async () => {
  process.stdout.write('last words')
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => setInterval(() => {}, 1000))
}
exports.stdin = async () => fs.readFileSync(0, 'utf8').length
exports.descriptors = async () => {
  const list = 'for fd in /proc/self/fd/*; do readlink "$fd" || :; done'
  return execFileSync('sh', ['-c', list], { encoding: 'utf8' }).trim().split('\n')
}
exports.large = async () => 'x'.repeat(6 * 1024 * 1024 + 99)
exports.context = async (event, context) => ({
  requestId: context.awsRequestId,
  arn: context.invokedFunctionArn,
  name: context.functionName,
  version: context.functionVersion,
  memory: context.memoryLimitInMB,
  logGroup: context.logGroupName,
  logStream: context.logStreamName,
  tenant: context.tenantId,
  client: context.clientContext.custom.k,
  identity: context.identity.cognitoIdentityId,
  remaining: context.getRemainingTimeInMillis(),
  traceId: process.env._X_AMZN_TRACE_ID,
  handler: process.env._HANDLER
})
