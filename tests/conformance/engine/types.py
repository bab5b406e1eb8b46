"""Payload types of these tests; at module level, where annotations are looked up."""

from dataclasses import dataclass


@dataclass
class Order:
    id: int
