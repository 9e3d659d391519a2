exports.handler = async () => 1
throw new RangeError('at the top')
