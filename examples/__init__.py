"""Handlers to read, run and copy: orders, reports, onboarding, notifications, exports, simulated agents.

Invariant: they use what `hub` offers to everybody, nothing else. The shipped configuration loads them by name.
"""
