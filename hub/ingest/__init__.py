"""From a message to the row it becomes: which route, which payload, which keys, and when to say no.

Invariant: everything but `Intake` and `Pressure` is pure. Whatever a message holds, it ends as a row, as a typed
refusal, or dropped because a route says so.
"""
