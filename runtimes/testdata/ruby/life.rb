def spins_for_ever
  loop {}
end

def busy(event:, context:)
  puts 'begun'
  spins_for_ever
end

def waits(event:, context:)
  puts 'begun'
  sleep 600
end

def running(event:, context:)
  puts 'begun'
  sleep 0.001 until File.exist?(event['file'])
  'finished'
end

def hooks(event:, context:)
  trap('TERM') do
    puts 'hook of SIGTERM'
    sleep 0.02
    puts 'hook is done'
  end
  at_exit { puts 'hook of exit' }
  'set'
end

def leaves(event:, context:)
  trap('TERM') do
    puts 'hook of SIGTERM'
    exit
  end
  'set'
end
