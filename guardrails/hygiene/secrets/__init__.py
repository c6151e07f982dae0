"""Secrets in a text: told by their shape, their name, their place, and the object they stand in."""
