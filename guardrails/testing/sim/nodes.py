"""The nodes of a simulated cluster, as a kubelet reports them."""

from guardrails.testing.sim.kinds import Obj

NODES = 2
"""Nodes at the start; apply more, or cordon these."""


def node(name: str) -> Obj:
    """A healthy node's manifest."""
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "5000"}
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "spec": {},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [
                {
                    "type": "MemoryPressure",
                    "status": "False",
                    "reason": "KubeletHasSufficientMemory",
                    "message": "ok",
                },
                {
                    "type": "DiskPressure",
                    "status": "False",
                    "reason": "KubeletHasNoDiskPressure",
                    "message": "ok",
                },
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "KubeletReady",
                    "message": "kubelet is posting ready status",
                },
            ],
            "addresses": [
                {"type": "InternalIP", "address": "192.0.2.10"},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {
                "machineID": f"sim-{name}",
                "systemUUID": f"sim-{name}",
                "bootID": f"sim-{name}",
                "kernelVersion": "sim",
                "osImage": "SimCluster",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.36.2+sim",
                "operatingSystem": "linux",
                "architecture": "amd64",
                "containerRuntimeVersion": "sim://1",
            },
        },
    }
