"""Workflows: steps that are jobs, a context that they read and extend, one commit for each step's end.

Invariant: a step's end (its job's completion, its output in the context, the steps that it lets begin) is one commit
behind the job's fence, so that a crash anywhere repeats no finished step and loses none that is to come.

`definition` what a workflow is · `circle` steps that wait for each other · `graph` what its states make of it, pure ·
`rows` the rows of a decision, pure · `progress` the ends of steps, many at a time or in a step's own transaction ·
`steps` a handler as a step · `change`, `start`, `control` what people and programs do with workflows · `monitor` what
crashes leave behind.
"""
