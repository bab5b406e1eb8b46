"""What the hub achieves beside others, measured in one run: `python -m benchmarks` (or `make bench`).

Invariant: every figure comes from the real engine in a process of its own, with history, fences and durable commits on,
and every ratio from two contestants measured in turn in the same run, because machines drift. docs/benchmarks.md says
how to read the table.
"""
