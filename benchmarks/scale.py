"""What a look at a large cluster costs: 5,000 pods of 500 Deployments, read and judged.

`python -m benchmarks.scale [--reps N]`. The cluster runs in a process of its own; time and memory
are those of this one, which imports nothing of it. A look is every list that the checks need, each
read once, and a verdict over them.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.tables import quantile, save, show
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import GateVerdict
from guardrails.core.incident import Incident
from guardrails.gates.base import GateRequest
from guardrails.gates.evidence_gate import EvidenceGate, EvidenceRun
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.kubernetes.objects import Pod
from guardrails.gates.vigil import Vigil
from guardrails.policy.models import GateSettings

NAMESPACE = "large"
PODS = 5000


@contextmanager
def large_cluster() -> Generator[Path]:
    """Start the cluster; gives its kubeconfig, and ends it after."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.large_cluster", str(kubeconfig)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            said = child.stdout.readline() if child.stdout else ""
            if not said.startswith("ready"):
                raise SystemExit("the large cluster did not start")
            print(f"serving {said.split()[1]} pods")
            yield kubeconfig
        finally:
            child.communicate(timeout=60)


def resident_mb() -> float:
    """Return the memory that this process holds now, in MB."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb() -> float:
    """Return the most memory that this process has held, in MB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("/proc/self/status does not say VmHWM")


async def measure(kubeconfig: Path, reps: int) -> dict[str, object]:
    """Look `reps` times within one evaluation, as a gate that waits does."""
    imported = resident_mb()
    reader = KubernetesReader.connect(kubeconfig, timeout_seconds=30.0)
    incident = Incident(task="", namespaces=(NAMESPACE,))
    gate = EvidenceGate(reader=reader, settings=GateSettings(allow_no_alert_source=True))
    began = time.perf_counter()
    run = await gate.open(incident)
    opened = time.perf_counter() - began
    assert isinstance(run, EvidenceRun)  # no gates of others are installed here
    request = GateRequest(incident=incident, claim=Claim(kind=ClaimKind.MITIGATED))
    vigil = Vigil(case=run.case, request=request)
    walls, cpus = list[float](), list[float]()
    for _ in range(reps):
        wall, cpu = time.perf_counter(), time.process_time()
        await vigil.look()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    reader.close()
    look = vigil.history[-1]
    pods = len(look.objects(Pod, NAMESPACE))
    if pods != PODS or vigil.judgement.verdict is not GateVerdict.PENDING:
        raise SystemExit(f"{pods} pods, {vigil.judgement.verdict}: not the cluster to be measured")
    return {
        "look": f"{pods:,} pods, {len(look.lists)} lists, {len(vigil.evidence):,} facts",
        "open s": opened,
        "p50 s": quantile(walls, 0.5),
        "p95 s": quantile(walls, 0.95),
        "CPU p50 s": quantile(cpus, 0.5),
        "imported MB": imported,
        "RSS MB": resident_mb(),
        "peak MB": peak_mb(),
    }


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=15, help="looks (default 15)")
    reps: int = parser.parse_args().reps
    with large_cluster() as kubeconfig:
        row = asyncio.run(measure(kubeconfig, reps))
    show(f"A look at a large cluster (median of {reps})", [row])
    load = os.getloadavg()[0]
    print(f"load average: {load:.1f}; to be reached on a quiet machine: 1 s and 150 MB")
    print(f"written: {save('scale', {**row, 'reps': reps, 'load': load})}")


if __name__ == "__main__":
    main()
