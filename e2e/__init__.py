"""The end-to-end suite: real clusters, an app with faults, and what is measured about it."""
