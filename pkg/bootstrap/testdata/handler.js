// The functions of the tests. work is what each of the four languages does, by the word in event.do.
const { spawn } = require('child_process')
const fs = require('fs')

let count = 0

exports.hello = async (event) => event

exports.work = async (event, context) => {
  switch (event.do) {
    case 'state':
      return { count: ++count, pid: process.pid }
    case 'print':
      process.stdout.write('{"type":"result","id":"1","length":0}\n')
      console.log('printed line')
      process.stdout.write('no newline')
      return 'printed'
    case 'throw':
      throw new TypeError('out of "cheese" 🧀')
    case 'hang':
    case 'busy': {
      const children = ['sleep', 'setsid'].map((name) =>
        spawn(name, name === 'sleep' ? ['300'] : ['sleep', '300'], { stdio: 'ignore' }).pid
      )
      fs.writeFileSync(event.pids, [process.pid, ...children].join(' '))
      if (event.do === 'busy') for (;;);
      return new Promise(() => setInterval(() => {}, 1000))
    }
    case 'exit':
      process.exit(event.status)
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      return new Promise(() => setInterval(() => {}, 1000))
    case 'big':
      return 'x'.repeat(event.bytes - 2)
    case 'context':
      return { left: context.getRemainingTimeInMillis(), traceID: process.env._X_AMZN_TRACE_ID, arn: context.invokedFunctionArn }
  }
}
