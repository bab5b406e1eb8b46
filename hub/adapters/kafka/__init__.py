"""Kafka, by aiokafka.

Invariant: the database says how far a partition was read, in the transaction that holds its rows; the group's offsets
at the broker follow behind. So a message becomes rows once, without any key in it.

`reader` fetches as a group's member and `placement` finds where it goes on; `streams` names a partition for good and
`wire` asks for the topic ids in those names; `record` makes messages; `committer` tells the broker; `producer` sends;
`control` asks everything else; `settings` and `faults` are about what was typed and what went wrong.
"""

from hub.adapters.kafka.adapter import KafkaAdapter, make

__all__ = ["KafkaAdapter", "make"]
