// The handler of the function, as on Lambda: it gets the event, and what it returns is the response.
exports.hello = async (event, context) => {
  return { greeting: `hello ${event.name ?? 'world'}` }
}
