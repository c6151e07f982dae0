"""Stored traces in, findings out: readers for the formats of the field, and what is made of them.

Every reader turns a file into the same events that a live run has, so the same detectors run over
both.
"""
