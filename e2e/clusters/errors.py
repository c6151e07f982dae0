"""The errors of the cluster providers, in a file of their own so that every module may raise them.

ClusterError
├── ClusterUnavailableError   this machine lacks something the provider needs
└── ChildFailedError          a process died, or was not ready in time
"""


class ClusterError(Exception):
    """Something about bringing a cluster up, using it or taking it down failed."""


class ClusterUnavailableError(ClusterError):
    """This machine lacks a program or a right the provider needs; the message says which."""


class ChildFailedError(ClusterError):
    """A process of the cluster died or was not ready in time; the message ends with its log."""
