"""Faults: the hub's promise, tried by killing, freezing and cutting off real processes, servers and connections.

What hurts: `points.py` (named places of the engine, put in from outside), `victim.py` (a worker that kills itself at
one of them), `controls.py` (the engine made wrong on purpose). Who watches: `ledger.py` (what was acknowledged, in a
file beside the database), `outside.py` (the database as a stranger sees it), `oracle.py` (whether the promise was
kept). `campaign.py` puts them together, `report.py` runs the long form and prints what came of it.
"""
