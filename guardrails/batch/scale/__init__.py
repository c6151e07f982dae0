"""Tagging at scale: data sets by URL in, partitioned data sets out, by an engine of one's choice.

Work is cut into units; each is tagged by the same pure function, and its result put in place as a
whole. Whatever is killed meanwhile, the same command goes on where it stopped.
"""
