def handler(event, context): pass
raise RuntimeError("at the top")
