"""Checks that people write in a policy, one file per kind."""
