# The kit's handlers for Ruby (docs/conform.md).
def on_echo(event:, context:) = event

def on_fail(event:, context:)
  raise ArgumentError, event['message']
end

def on_sleep(event:, context:)
  sleep(event['ms'] / 1000.0)
  { slept: true }
end

def on_exit(event:, context:)
  exit!(event['status'])
end

def on_print(event:, context:)
  $stdout.puts event['text']
  $stderr.puts event['text']
  { printed: true }
end

def on_context(event:, context:)
  {
    requestId: context.aws_request_id,
    functionArn: context.invoked_function_arn,
    remainingMs: context.get_remaining_time_in_millis
  }
end

def on_stream(event:, context:)
  Enumerator.new do |out|
    event['chunks'].each { |text| out << text }
    raise ArgumentError, 'in mid-stream' if event['fail']
  end
end
