"""A pack gives back what was recorded, less what only one run or one machine knows."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.gates.cases.model import Expect, Kind
from benchmarks.gates.packing import read_pack, write_pack
from benchmarks.gates.recording import Frame, Recording
from guardrails.core.incident import Incident

UID = "c92a4c38-e252-4ae2-b031-02892081ec17"
PODS = b'[{"metadata":{"name":"web-1","namespace":"shop-0007","uid":"%s"}}]' % UID.encode()
ALERTS = b'{"data":{"alerts":[{"labels":{"namespace":"shop-0007"}}]}}'

RECORDING = Recording(
    id="bad-image/unfixed",
    kind=Kind.UNFIXED,
    expect=Expect.REFUSE,
    namespace="shop-0007",
    incident=Incident(task="", namespaces=("shop-0007",)),
    frames=(
        Frame(at=1.0, mark="reference", lists={"pods": "p"}),
        Frame(at=2.0, lists={"pods": "p"}, prometheus={"/api/v1/query?query=shop-0007": "a"}),
    ),
    blobs={"p": msgspec.Raw(PODS), "a": msgspec.Raw(ALERTS)},
)


def test_names_of_the_run_are_replaced(tmp_path: Path) -> None:
    """Namespace and uids become the same in every case, wherever they stand."""
    path = tmp_path / "states.json.xz"
    write_pack([RECORDING], path)
    pack = read_pack(path)
    (recording,) = pack.recordings
    last = recording.frames[-1]

    assert recording.namespace == "shop"
    assert recording.incident.namespaces == ("shop",)
    (pod,) = msgspec.json.decode(pack.blob(last.lists["pods"]))
    assert pod["metadata"] == {
        "name": "web-1",
        "namespace": "shop",
        "uid": "00000000-0000-0000-0000-000000000001",
    }
    alerts = msgspec.json.decode(pack.blob(last.prometheus["/api/v1/query?query=shop"]))
    assert alerts["data"]["alerts"][0]["labels"] == {"namespace": "shop"}


def test_equal_lists_are_kept_once(tmp_path: Path) -> None:
    """Two looks at the same pods, in two cases, hold one list."""
    other = msgspec.structs.replace(RECORDING, id="bad-image/fix")
    path = tmp_path / "states.json.xz"
    write_pack([RECORDING, other], path)
    pack = read_pack(path)

    assert len(pack.recordings) == 2
    assert len(pack.packed.blobs) == 2
