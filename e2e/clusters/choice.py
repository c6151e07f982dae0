"""Which provider the suite uses, by `E2E_PROVIDER`."""

from __future__ import annotations

import os

from e2e.clusters.cluster import ClusterProvider
from e2e.clusters.errors import ClusterUnavailableError
from e2e.clusters.kind import KindProvider
from e2e.clusters.processes import ProcessProvider

PROVIDER_VARIABLE = "E2E_PROVIDER"
"""`processes` (default) or `kind`."""

PROCESSES = "processes"
"""The provider that needs no container engine; the default."""


def provider_name() -> str:
    """Return the name that the environment gives, which need not be one that exists."""
    return os.environ.get(PROVIDER_VARIABLE, PROCESSES)


def chosen_provider() -> ClusterProvider:
    """Return the provider that the environment names.

    Raises:
        ClusterUnavailableError: It names none that exists.
    """
    match provider_name():
        case "processes":
            return ProcessProvider()
        case "kind":
            return KindProvider()
        case name:
            raise ClusterUnavailableError(
                f"{PROVIDER_VARIABLE}={name!r} is no provider; there are {PROCESSES} and kind"
            )
