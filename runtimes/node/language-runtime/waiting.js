'use strict'
// What an event loop waits for, for the log: the open connections, the children, and the rest by its kinds. Read only when
// a handler goes on after a cancel.

const fs = require('fs')

// tell writes what is waited for, without what is ours.
function tell (requestId, ours) {
  const handles = process._getActiveHandles().filter((handle) => ![...ours, process.stdout, process.stderr].includes(handle))
  const named = handles.map(name).filter(Boolean)
  const kinds = {}
  for (const kind of process.getActiveResourcesInfo()) {
    if (!/^(PipeWrap|TCPSocketWrap|TLSWrap|ProcessWrap|TTYWrap)$/.test(kind)) kinds[kind] = (kinds[kind] || 0) + 1
  }
  const list = [...named, ...Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`)]
  const line = `language-runtime: ${requestId} was cancelled, and its handler goes on. It waits for: ${list.join(', ') || 'nothing that Node knows of'}\n`
  try {
    fs.writeSync(2, line)
  } catch {} // a log that is full
}

// name says what a handle is, by what is no secret: no argument of a child, no path of a request.
function name (handle) {
  if (handle.spawnfile) return `the child ${handle.spawnfile} (pid ${handle.pid})`
  if (handle.connecting) return `connecting to ${handle._host || 'a socket'}`
  if (handle.remoteAddress) return `the connection to ${handle.remoteAddress}:${handle.remotePort}`
  if (handle.listening) return 'a server'
}

module.exports = { tell }
