# frozen_string_literal: true

# The kit of the Serverless Open Runtime for a middleware in Ruby: the same program keeps the exec contract when it is
# started with a hook as its argument, and speaks frames/1 when it is started without, as its manifest NAME.json asks for.
# Ruby >= 2.7, no gems.
#
#   require_relative 'kit'
#
#   def before(event, invocation)
#     Kit.respond('statusCode' => 403) unless event['token']
#   end
#
#   Kit.run
#
# It promises: what a hook prints is a log, its children's too; what it raises is the failure of one invocation; no child of
# a hook gets the descriptors of the protocol. Invocations come one after the other.

require 'json'

module Kit
  HOOKS = %w[before after error].freeze
  MAX_HEADER = 64 * 1024
  BY_HAND = "this is a middleware, started by the open runtime; to try it: sor middleware run NAME before, or echo '{}' | NAME before"
  EMPTY = 'an empty result can\'t be told from none in exec mode: say "protocol": "frames/1" in the manifest'

  NO_HOOK = 'the method %<name>s is no hook, and nothing would call it; the hooks are before, after and error: ' \
            'if %<hook>s is meant, write so, else give it another name'
  NO_HOOKS = 'there is no hook: define before, after or error, methods at the top of the program, ahead of Kit.run'

  # Failure fails an invocation with an error type of its own. In exec mode there is no way to say one: every failure is a
  # Runtime.MiddlewareError there, as whatever else is raised is in both modes.
  class Failure < StandardError
    attr_reader :error_type

    def initialize(error_type, message)
      super(message)
      @error_type = error_type
    end
  end

  # Raw is bytes that are no JSON to encode, Response the answer at once.
  Raw = Struct.new(:bytes)
  Response = Struct.new(:value)

  # What the runtime says of an invocation; nil is what it does not say.
  Invocation = Struct.new(:hook, :payload, :middleware, :deadline_ms, :response, :content_type, :request_id, :function_arn,
                          :function_name, :function_version, :memory_mb, :trace_id, :tenant_id, :client_context,
                          :cognito_identity, keyword_init: true) do
    def remaining_ms
      [deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
    end
  end

  class << self
    # run runs the methods before(event, invocation), after(response, invocation), error(document, invocation) of the
    # program, those that there are, one at least, and shutdown() before a persistent one exits. A hook gets JSON decoded, nil for what
    # is none, and with raw: true bytes always, as invocation.payload has them. It returns nil for no change, what JSON
    # can say, Kit.raw(bytes), or Kit.respond(…).
    def run(raw: false)
      @raw = raw
      stdout = keep_stdout
      exit!(run_once(ARGV[0], stdout)) unless ARGV.empty?
      unless [3, 4].all? { |number| pipe?(number) }
        $stderr.puts(BY_HAND)
        exit!(2)
      end
      stdout.close
      Conversation.new.run
    end

    # respond makes the answer of before that skips the handler, or of error that handles the error.
    def respond(value)
      Response.new(value)
    end

    # raw makes of bytes a result that is not encoded.
    def raw(bytes)
      Raw.new(bytes)
    end

    # ---- both modes ----

    # call gives [payload, responds]; a payload of nil is no change.
    def call(invocation)
      hook = hook_named(invocation.hook) or return [nil, false]
      value = leave_as_status(invocation.hook) { hook.call(decode(invocation.payload), invocation) }
      return [nil, false] if value.nil?
      return [encode(value), false] unless value.is_a?(Response)
      raise 'after can\'t respond: the response is what it got; it may replace it' if invocation.hook == 'after'

      [encode(value.value), true]
    end

    # method_of gives a method that the program wrote itself, not Kernel's own of that name.
    def method_of(name)
      found = TOPLEVEL_BINDING.receiver.method(name)
      found if found.source_location
    rescue NameError
      nil
    end

    # mistake says why this program can't be a middleware, or nil. A hook that is misspelt would be one that is not there.
    def mistake
      missing = HOOKS.reject { |name| method_of(name) }
      missing.product(own_names).each do |hook, name|
        return format(NO_HOOK, name: name, hook: hook) if near?(name, hook)
      end
      NO_HOOKS if missing == HOOKS
    end

    def describe(error)
      typed = error.is_a?(Failure)
      message = utf8(error.message)
      message = "#{error.class}: #{message}" unless typed || error.instance_of?(RuntimeError)
      own = Array(error.backtrace).reject { |line| line.start_with?(__FILE__, '<internal:') }
      { 'errorType' => typed ? error.error_type : 'Runtime.MiddlewareError', 'errorMessage' => message,
        'stackTrace' => own.map { |line| utf8(line) } }
    end

    # log_failure writes the message last: of what a middleware says in the end the runtime makes its own message.
    def log_failure(document)
      $stderr.write("#{[*document['stackTrace'], document['errorMessage']].join("\n")}\n")
    end

    private

    # keep_stdout makes what hooks print a log, their children's too, and gives the stdout that was; no child gets it.
    def keep_stdout
      stdout = $stdout.dup
      stdout.binmode
      $stdout.reopen($stderr)
      $stdout.sync = $stderr.sync = true
      Encoding.default_external = Encoding::UTF_8
      stdout
    end

    def pipe?(number)
      IO.for_fd(number, autoclose: false).stat.pipe?
    rescue SystemCallError, ArgumentError # the latter for a descriptor that is Ruby's own
      false
    end

    # own_names are the methods of the program that a slip of the pen may have named; errors is a word of its own.
    def own_names
      main = TOPLEVEL_BINDING.receiver
      names = Object.private_instance_methods(false) + Object.public_instance_methods(false) + main.singleton_methods(false)
      names.map(&:to_s).select { |name| name.match?(/\A[a-zA-Z]+\z/) && name != 'errors' && method_of(name) }
    end

    # near? says whether one letter makes the difference, or two that changed places.
    def near?(one, other)
      one = one.chars
      other = other.chars
      [:shift, :pop].zip([:first, :last]) do |take, at|
        [one, other].each(&take) while one.any? && one.public_send(at) == other.public_send(at)
      end
      (one.size < 2 && other.size < 2) || (one.size == 2 && one.reverse == other)
    end

    def hook_named(name)
      raise ArgumentError, "there is no hook \"#{name}\"; there are before, after and error" unless HOOKS.include?(name)

      @hooks ||= HOOKS.to_h { |each| [each, method_of(each)] }
      @hooks[name]
    end

    # leave_as_status takes an exit as one of a program: 0 and nothing said is no change.
    def leave_as_status(name)
      yield
    rescue SystemExit => e
      raise "#{name} exited with #{e.status}" unless e.success?
    end

    def decode(payload)
      @raw ? payload : JSON.parse(payload.dup.force_encoding(Encoding::UTF_8), max_nesting: false)
    rescue JSON::ParserError
      nil # a response may be anything
    end

    def encode(value)
      value.is_a?(Raw) ? value.bytes : JSON.generate(value, max_nesting: 0)
    end

    def utf8(text)
      text.to_s.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end

    # ---- exec: one hook of one invocation ----

    def run_once(hook, stdout)
      unless HOOKS.include?(hook)
        $stderr.puts("there is no hook \"#{hook}\"; there are before, after and error")
        return 2
      end
      wrong = mistake
      if wrong
        $stderr.puts(wrong)
        return 1
      end
      response = open_response(hook)
      payload = $stdin.binmode.read.delete_suffix("\n")
      say(*call(invocation_of_environment(hook, payload)), stdout, response)
      0
    rescue SignalException
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException -- whatever a hook raises is its failure
      log_failure(describe(e))
      1
    end

    def open_response(hook)
      return if hook == 'after'

      response = IO.for_fd(3, 'wb', autoclose: false)
      response.close_on_exec = true
      response
    rescue SystemCallError, ArgumentError
      nil
    end

    # say writes a result, and the newline that the runtime trims.
    def say(output, responds, stdout, response)
      return if output.nil?
      raise EMPTY if output.empty?
      raise 'fd 3 is not open, and a response is written there' if responds && response.nil?

      to = responds ? response : stdout
      to.write(output, "\n")
      to.flush
    end

    def invocation_of_environment(hook, payload)
      memory = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
      Invocation.new(hook: hook, payload: payload, middleware: ENV['SOR_MIDDLEWARE'], deadline_ms: ENV['SOR_DEADLINE_MS'].to_i,
                     response: ENV['SOR_RESPONSE'], request_id: ENV['SOR_REQUEST_ID'], function_arn: ENV['SOR_FUNCTION_ARN'],
                     function_name: ENV['AWS_LAMBDA_FUNCTION_NAME'], function_version: ENV['AWS_LAMBDA_FUNCTION_VERSION'],
                     memory_mb: memory&.to_i, trace_id: ENV['SOR_TRACE_ID'], tenant_id: ENV['SOR_TENANT_ID'],
                     client_context: ENV['SOR_CLIENT_CONTEXT'])
    end
  end

  # ---- persistent: frames/1 ----

  # The two ends of frames/1.
  class Frames
    attr_accessor :max_payload

    def initialize
      @source = IO.for_fd(4, 'rb')
      @sink = IO.for_fd(3, 'wb')
      [@source, @sink].each { |io| io.close_on_exec = true }
      @sink.sync = true
    end

    # read gives header and payload, or nil at the end.
    def read
      line = @source.gets("\n", MAX_HEADER) or return
      header = parse(line)
      length = header['length'] or return [header, +'']
      unless length.is_a?(Integer) && length >= 0 && (max_payload.nil? || length <= max_payload)
        give_up("a payload of #{length} bytes is announced; #{max_payload} are allowed")
      end
      payload = @source.read(length)
      payload && payload.bytesize == length ? [header, payload] : nil
    end

    def write(header, payload = nil)
      header['length'] = payload.bytesize if payload
      @sink.write(*["#{JSON.generate(header)}\n", payload].compact)
    rescue Errno::EPIPE
      exit!(0) # nobody is left to answer
    end

    def give_up(cause)
      $stderr.write("frames/1: #{cause}\n")
      exit!(1)
    end

    private

    def parse(line)
      header = JSON.parse(line)
      raise TypeError unless header.is_a?(Hash) && header['type'].is_a?(String)

      header
    rescue JSON::ParserError, TypeError
      give_up('what came on fd 4 is no header')
    end
  end

  # One conversation, from hello to the end.
  class Conversation
    def initialize
      @frames = Frames.new
      @busy = @leaving = false
    end

    def run
      trap('USR2') { dump }
      trap('TERM') { terminate }
      converse
    rescue SystemExit
      nil # of terminate
    ensure
      trap('TERM', 'IGNORE')
      Kit.method_of(:shutdown)&.call
    end

    private

    # terminate waits for the end of a hook that is running.
    def terminate
      @leaving = true
      exit(0) unless @busy
    end

    # dump writes where every thread is. A busy one too: a trap runs between two of its instructions. There it may take no
    # lock, and $stderr has one.
    def dump
      text = Thread.list.map { |thread| "#{thread.inspect}\n  #{Array(thread.backtrace).join("\n  ")}\n" }.join
      IO.for_fd(2, autoclose: false).syswrite(text)
    end

    def converse
      while !@leaving && (header, payload = @frames.read)
        case header['type']
        when 'hello' then greet(header)
        when 'invoke'
          @busy = true
          invoke(header, payload)
          @busy = false
        when 'shutdown' then break
        when 'cancel' then next # it is not asked for: it could not be heard in the midst of a hook
        else @frames.give_up("a frame of type \"#{header['type']}\" is not known")
        end
      end
    end

    def greet(hello)
      @frames.give_up('version 1 is not offered') unless Array(hello['versions']).include?(1)
      @frames.max_payload = hello['maxPayload']
      @name = hello['name']
      wrong = Kit.mistake
      refuse(wrong) if wrong
      @frames.write({ 'type' => 'ready', 'version' => 1, 'dumpSignal' => 'SIGUSR2' })
    end

    # refuse says in the place of ready that this can't start.
    def refuse(wrong)
      document = Kit.describe(RuntimeError.new(wrong))
      Kit.log_failure(document)
      @frames.write({ 'type' => 'error' }, JSON.generate(document))
      exit!(1)
    end

    def invoke(header, payload)
      output, responds = Kit.call(invocation(header, payload))
      check_size(output)
      answer = { 'type' => 'result', 'id' => header['id'] }
      answer['unchanged'] = true if output.nil?
      answer['respond'] = true if responds
      @frames.write(answer, output)
    rescue SignalException
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException -- whatever a hook raises is the failure of one invocation
      document = Kit.describe(e)
      Kit.log_failure(document)
      @frames.write({ 'type' => 'error', 'id' => header['id'] }, JSON.generate(document))
    end

    def check_size(output)
      return if output.nil? || @frames.max_payload.nil? || output.bytesize <= @frames.max_payload

      raise "the output is #{output.bytesize} bytes; #{@frames.max_payload} are allowed"
    end

    def invocation(header, payload)
      about = header['context'] || {}
      Invocation.new(hook: header['hook'], payload: payload, middleware: @name, deadline_ms: header['deadlineMs'],
                     response: header['response'], content_type: header['contentType'], request_id: about['requestId'],
                     function_arn: about['functionArn'], function_name: about['functionName'],
                     function_version: about['functionVersion'], memory_mb: about['memoryMB'], trace_id: about['traceId'],
                     tenant_id: about['tenantId'], client_context: about['clientContext'],
                     cognito_identity: about['cognitoIdentity'])
    end
  end
end
