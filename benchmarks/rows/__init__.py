"""The benchmarks themselves, one module each: who takes part, what is filled in before, what is held against what.

Invariant: a contestant's work is verified after it ran; a figure without the work done is an error, not a figure.
"""
