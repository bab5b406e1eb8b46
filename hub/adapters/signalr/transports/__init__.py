"""How bytes get to a client and from it: WebSockets, Server-Sent Events, Long Polling.

Invariant: a transport knows nothing of messages: it takes whole ones off a connection and gives it bytes as they came.
"""
