def handler(event, context): return "in a package"
