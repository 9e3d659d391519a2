def chunks(event:, context:)
  Enumerator.new do |out|
    out << 'one'
    sleep 0.001 until File.exist?(event['file'])
    out << '' # nothing, and no chunk
    out << "\xFF\x00".b
  end
end

def prelude(event:, context:)
  [{ statusCode: 201, headers: { 'x-cheese' => 'Cheddar 🧀' }, cookies: ['a=1'] }, 'body'].each
end

def empty(event:, context:)
  [].each
end

def breaks(event:, context:)
  Enumerator.new do |out|
    out << 'one'
    raise TypeError, 'in the middle'
  end
end

def early(event:, context:)
  Enumerator.new { raise TypeError, 'too early' }
end

def big(event:, context:)
  Enumerator.new do |out|
    puts 'begun'
    304.times { out << 'x' * 64 * 1024 }
    out << 'y' * 1024 * 1024
  end
end

def twice(event:, context:)
  [1, 2].lazy.map(&:to_s)
end

def number(event:, context:)
  Enumerator.new do |out|
    out << 'one'
    out << 2
  ensure
    puts 'closed'
  end
end

def late_head(event:, context:)
  ['one', { statusCode: 200 }].each
end

def long_head(event:, context:)
  [{ headers: { x: 'x' * 70_000 } }].each
end
