"""Reports: what became of a run, and of many, for people to look at and pipelines to read."""
