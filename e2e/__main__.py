"""Bring the cluster and the app up and hold them, for looking around by hand.

`python -m e2e [FAULT]` prints where everything is and waits for Ctrl-C; with the name of a fault,
that fault is brought about first.
"""

from __future__ import annotations

import signal
import sys

from e2e.app import reset
from e2e.clusters.choice import chosen_provider
from e2e.clusters.errors import ClusterError
from e2e.faults import load, load_all


def main() -> None:
    """Hold until interrupted."""
    wanted = sys.argv[1:]
    known = [fault.name for fault in load_all()]
    if len(wanted) > 1 or (wanted and wanted[0] not in known):
        sys.exit(f"usage: python -m e2e [FAULT]\nfaults: {', '.join(known)}")
    provider = chosen_provider()
    try:
        cluster = provider.up()
        reset(cluster)
        for name in wanted:
            load(name).bring_about(cluster)
        lines = (
            f"kubectl:      {cluster.kubectl_program} --kubeconfig {cluster.admin_kubeconfig}",
            f"agent:        {cluster.kubeconfig_for('sre-agent', 'sre')}",
            f"guard:        {cluster.kubeconfig_for('guard', 'sre')}",
            f"Prometheus:   {cluster.prometheus_url}",
            f"Alertmanager: {cluster.alertmanager_url}",
            "Ctrl-C takes it all down.",
        )
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        signal.pause()
    except ClusterError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.stdout.write("\n")
    finally:
        provider.down()


if __name__ == "__main__":
    main()
