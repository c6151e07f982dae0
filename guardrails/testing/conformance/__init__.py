"""Conformance kits: facts about Kubernetes and alerting that a real and a simulated server share.

The same functions run against SimCluster and against a real control plane; where they differ, the
simulation is wrong.
"""
