"""The `hub` command: thin surfaces over what the layers below do, one file a group of commands.

Invariant: nothing is decided here that a program embedding the hub would miss; and importing the commands imports
neither database nor configuration, so that `hub --help` answers at once.
"""
