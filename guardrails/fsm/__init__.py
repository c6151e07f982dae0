"""Termination control outside the model: a machine that can be proved to end."""
