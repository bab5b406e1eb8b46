"""HTTP at its edge: a request becomes a Message, a verdict becomes an answer.

Invariant: nothing here knows what a job or a row is. Whatever a request holds, reading it is bounded in bytes and time.
"""
