require('not-installed'); exports.handler = async () => 1
