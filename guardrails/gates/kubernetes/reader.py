"""What the gate needs of a cluster, as a protocol; only `client.py` knows the Kubernetes client."""

from typing import Protocol, runtime_checkable

from guardrails.gates.asked import ObjectAnswer, ObjectQuestion
from guardrails.gates.snapshot import ListKey, ObjectList


class ClusterReader(Protocol):
    """Something that lists objects."""

    async def list(self, key: ListKey) -> ObjectList:
        """Read one list whole.

        Returns:
            The list, always: a failure is its `read` status, never an exception.
        """
        ...

    async def identity(self) -> str:
        """Return the uid of the `kube-system` namespace, or nothing when it cannot be read."""
        ...


@runtime_checkable
class ObjectReader(Protocol):
    """The second face of a reader: objects of any kind, by path. Conditions in a policy need it."""

    async def fetch(self, question: ObjectQuestion) -> ObjectAnswer:
        """Read what stands at a path; never raises, as `list`."""
        ...
