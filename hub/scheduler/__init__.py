"""Jobs by the clock: rows of the table `jobs` become rows of `queue_jobs` when their time has come.

Invariant: each fire time of a schedule makes at most one row, whatever number of instances look, because making the row
and moving the schedule on are one statement behind what the row said when it was read.
"""
