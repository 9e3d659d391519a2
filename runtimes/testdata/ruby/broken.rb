def handler(event:, context:)
  {
