import not_installed
def handler(event, context): pass
