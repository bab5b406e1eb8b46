"""Faults: the hub's promise, tried by killing, freezing and cutting off real processes, servers and connections.

What hurts: `points.py` (named places of the engine, put in from outside), `victim.py` (a worker that kills itself at
one of them), `controls.py` (the engine made wrong on purpose). Who watches: `ledger.py` (what was acknowledged, in a
file beside the database), `outside.py` (the database as a stranger sees it), `oracle.py` (whether the promise was
kept). `campaign.py` and `door.py` put them together; `children.py` (the process pool's), `several.py` (a hub in two
processes) and `crowd.py` (hubs around a cache) are campaigns of their own.

The committed form is short. The long one: `HUB_FAULT_JOBS=20000 python -m pytest tests/faults`, or, as one table with
the negative controls, `python -m tests.faults.report --jobs 20000`. HUB_FAULT_SECONDS and HUB_FAULT_SEED say how long
the random mix goes on and what everything is drawn from.
"""
