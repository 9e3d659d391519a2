# The functions of the tests. work is what each of the four languages does, by the word in event['do'].
$count = 0

def hello(event:, context:) = event

def work(event:, context:)
  case event['do']
  when 'state'
    $count += 1
    { count: $count, pid: Process.pid }
  when 'print'
    puts '{"type":"result","id":"1","length":0}', 'printed line'
    print 'no newline'
    'printed'
  when 'throw'
    raise TypeError, 'out of "cheese" 🧀'
  when 'hang', 'busy'
    children = [spawn('sleep', '300'), spawn('setsid', 'sleep', '300')]
    File.write(event['pids'], [Process.pid, *children].join(' '))
    loop {} if event['do'] == 'busy'
    sleep 300
  when 'exit'
    exit(event['status'])
  when 'kill'
    Process.kill(:KILL, Process.pid)
    sleep 300
  when 'big'
    'x' * (event['bytes'] - 2)
  when 'context'
    { left: context.get_remaining_time_in_millis, traceID: ENV['_X_AMZN_TRACE_ID'], arn: context.invoked_function_arn }
  end
end
