"""What runs in the child processes: one module a contestant, and the wire to the process that started it.

Invariant: a role imports the product it measures and no other. It tells "ready" when it is connected, begins at "go",
and tells what it measured.
"""
