"""A clock for the code under test whose sleeping lets a simulated cluster live."""

from datetime import datetime

from guardrails.testing.sim.cluster import SimCluster


class ClusterTime:
    """The cluster's time; to sleep is to run the cluster for as long, and takes no time at all.

    Give it to whatever waits for the cluster, such as a gate's stability window.

    Args:
        cluster: One that moves by hand: `SimCluster(autorun=False)`.
    """

    def __init__(self, cluster: SimCluster) -> None:
        self.cluster = cluster

    def now(self) -> datetime:
        """Return the cluster's wall-clock time, in UTC."""
        return self.cluster.clock.now()

    def monotonic(self) -> float:
        """Return the cluster's seconds."""
        return self.cluster.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Run the cluster for as long."""
        self.cluster.run_for(seconds)
