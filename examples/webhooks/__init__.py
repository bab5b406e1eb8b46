"""A sender and a receiver of signed webhooks, in Python and in JavaScript."""
