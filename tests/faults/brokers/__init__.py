"""Fault 6: each broker killed and started again under load, and beside it the hub and the database.

`sender.py` is somebody at the broker, in a process of its own, who says each message until it is acknowledged;
`line.py` are the brokers, `siege.py` is a load with faults upon it, `members.py` one whose readers come and go,
`watch.py` looks while it lasts, `judge.py` is what the oracle has to say of brokers beyond `tests.faults.oracle`.
`scenes.py` has the long form for `tests.faults.report`.
"""
