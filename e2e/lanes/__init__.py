"""Many apps at a time on one cluster: each lane has a namespace and an alerting pair of its own.

A namespace belongs to a lane by its label; what is broken, silenced or restarted in one lane is
not seen in another. Only nodes are shared.
"""

from __future__ import annotations

LANE_LABEL = "e2e/lane"
"""Label of a namespace: the number of the lane whose Prometheus sees it."""
