def handler(event:, context:); end
raise ArgumentError, 'at the top'
