"""Adapters: each speaks one protocol; it reads, answers and closes, and sees neither the queue nor the database."""
