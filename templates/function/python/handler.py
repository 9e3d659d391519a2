# The handler of the function, as on Lambda: it gets the event, and what it returns is the response.
def hello(event, context):
    return {"greeting": f"hello {event.get('name', 'world')}"}
