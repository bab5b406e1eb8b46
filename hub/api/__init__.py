"""The hub over HTTP: webhooks in, the queue and its histories out.

Invariant: thin. Nothing is decided here that the layers below do not know; every address has a role it needs, and every
error is problem+json.
"""
