"""Chaos: the real service as a process that is killed, and a world that breaks around it."""
