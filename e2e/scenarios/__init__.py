"""Guarded runs on the suite's cluster: scripted agents whose tools are the real kubectl.

The stories are the demo's. Here the API server, RBAC, kubectl and the alert chain are real, the
agent has a ServiceAccount of its own, and the runs are made by the command that users run.
"""
