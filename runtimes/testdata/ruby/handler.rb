require 'json'

$count = 0

def same(event:, context:)
  event
end

def count(event:, context:)
  $count += 1
end

def fails(event:, context:)
  return 'fine' if event['fail'] == false

  raise TypeError, "out of 🧀\n\"cheese\""
end

def prints(event:, context:)
  puts "from the handler: #{1}"
  warn 'an error line'
  puts '{"type":"result","id":"1","length":0}'
  print 'no newline'
  'printed'
end

def leave(event:, context:)
  print 'last words'
  exit 3
end

def crash(event:, context:)
  print 'last words'
  Process.kill('KILL', Process.pid)
  sleep
end

def stdin(event:, context:)
  $stdin.read.length
end

def descriptors(event:, context:)
  IO.popen(['sh', '-c', 'for fd in /proc/self/fd/*; do readlink "$fd"; done'], close_others: false, &:read).split
end

def large(event:, context:)
  'x' * (6 * 1024 * 1024 + 99)
end

def context(event:, context:)
  {
    requestId: context.aws_request_id,
    arn: context.invoked_function_arn,
    name: context.function_name,
    version: context.function_version,
    memory: context.memory_limit_in_mb,
    logGroup: context.log_group_name,
    logStream: context.log_stream_name,
    tenant: context.tenant_id,
    client: context.client_context['custom']['k'],
    identity: context.identity['cognitoIdentityId'],
    remaining: context.get_remaining_time_in_millis,
    traceId: ENV['_X_AMZN_TRACE_ID'],
    handler: ENV['_HANDLER']
  }
end
