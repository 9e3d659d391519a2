# What only the Ruby runtime has.
class NotInStock < StandardError; end

module Adapter
  def self.handler(event:, context:)
    'of a module'
  end

  module Deeper
    def self.handler(event:, context:)
      'deeper'
    end
  end
end

def stock(event:, context:)
  raise NotInStock, 'no cheese'
end

def raw(event:, context:)
  StringIO.new("\x00\xFFraw".b)
end

def missing_method(event:, context:)
  nil.upcase
end

def nan(event:, context:)
  Float::NAN
end

def nothing(event:, context:); end

def log(event:, context:)
  Logger.new($stdout).info('an info line')
end

def event_only(event:, **)
  event
end
