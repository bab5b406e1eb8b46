"""Handlers, what a job runs: the `@handler` mark, the `Job` they see, their payloads, the registry, the built-in ones.

Invariant: nothing here knows the queue or a database: a handler reaches both through `hub.ports.Attempt` alone. A
function becomes a handler by being named in the configuration or by an entry point, never by having been imported.
"""
