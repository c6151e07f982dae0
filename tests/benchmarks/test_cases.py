"""Case files are read strictly, and multiply to what the catalogue promises."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.gates.cases.expand import applies, cases_of, chosen
from benchmarks.gates.cases.load import CaseError, fill, read_file, read_folders, shipped
from benchmarks.gates.cases.model import Expect, Fault, Kind
from e2e.faults import load_all

FAULT = """\
name: gone
summary: A Service is deleted
facts: {service: catalog}
inject:
- run: delete service catalog -n {namespace}
mend:
- run: apply -f -
  stdin: "kind: Service"
evidence:
  run: get service -n {namespace} -o jsonpath={.items[*]}
  shows: ''
alerts:
- {alertname: HighRequestErrorRate, namespace: {namespace}}
"""

FAKE = """\
name: deaf
summary: The rule is deleted
applies: {has: [alert]}
steps:
- rules: {alert: "{alertname}", delete: true}
"""


def written(folder: Path, **files: str) -> Path:
    """Write case files and return their folder."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_folder_of_cases_needs_no_code(tmp_path: Path) -> None:
    """A fault and a fake fix, dropped into a folder, multiply."""
    library = read_folders([written(tmp_path, fault=FAULT, fake=FAKE)])
    ids = [case.id for case in cases_of(library)]

    assert ids == [
        "gone/unfixed",
        "gone/fake:deaf",
        "gone/fix",
        "gone/regression",
        "gone/fake:flapping",
    ]


def test_names_are_filled_and_other_braces_stay(tmp_path: Path) -> None:
    """`{namespace}` may stand where YAML would see a mapping; jsonpath keeps its braces."""
    written(tmp_path, fault=FAULT)
    fault = fill(read_file(tmp_path / "fault.yaml"), {"namespace": "shop-1"})

    assert isinstance(fault, Fault)
    assert fault.alerts[0]["namespace"] == "shop-1"
    assert fault.evidence.run == "get service -n shop-1 -o jsonpath={.items[*]}"


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ("summary:", "sumary:", 1, "sumary"),
        ("  shows: ''", "  shown: ''", 10, "shown"),
        ("- run: delete", "- rum: delete", 5, "rum"),
        ("- run: apply -f -\n", "- run: apply -f -\n  pause: 3\n", 7, "exactly one of"),
        ("facts: {service: catalog}", "facts: {service: 3}", 3, "xpected `str`"),
        ("facts: {service", "facts: {{service", 4, "not YAML"),
    ],
)
def test_wrong_file_says_where(
    tmp_path: Path, before: str, after: str, line: int, said: str
) -> None:
    """An error names the file, the line and what it found there."""
    assert before in FAULT
    path = written(tmp_path, fault=FAULT.replace(before, after, 1)) / "fault.yaml"

    with pytest.raises(CaseError) as caught:
        read_file(path)

    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


def test_name_without_a_value_is_an_error(tmp_path: Path) -> None:
    """A fake fix that names a fact which the fault does not have says which one."""
    fake = FAKE.replace("{alertname}", "{workload}")
    library = read_folders([written(tmp_path, fault=FAULT, fake=fake)])

    with pytest.raises(CaseError, match="workload must be among the facts"):
        cases_of(library)


def test_two_cases_of_one_name_are_an_error(tmp_path: Path) -> None:
    """A name means one case."""
    with pytest.raises(CaseError, match="already"):
        read_folders([written(tmp_path, one=FAULT, two=FAULT)])


def test_shipped_cases_are_enough() -> None:
    """Every fault is claimed unfixed, mended and relapsed; there are at least 400 cases."""
    cases = cases_of(shipped())
    kinds = Counter(case.kind for case in cases)
    faults = len(shipped().faults)

    assert len(cases) >= 400
    assert len({case.id for case in cases}) == len(cases)
    assert kinds[Kind.UNFIXED] == faults
    assert kinds[Kind.REGRESSION] >= faults - 2  # two show too slowly to relapse in a window
    assert kinds[Kind.FIX] >= faults
    assert all((case.expect is Expect.ACCEPT) == (case.kind is Kind.FIX) for case in cases)


def test_end_to_end_faults_are_cases_too() -> None:
    """There is one catalogue: the suite's faults are among the cases, and read alike."""
    library = shipped()

    for fault in load_all(namespace="shop"):
        case = fill(library.faults[fault.name], {"namespace": "shop"})
        assert case.evidence.run == fault.evidence.run
        assert list(case.alerts) == fault.alerts


def test_rows_of_the_false_all_clears_are_tried() -> None:
    """All of the 28 that an agent can bring about here; flapping (22) comes with every fault."""
    cases = cases_of(shipped())
    rows = {case.row for case in cases}

    assert rows >= {*range(1, 22), 23, 24, 25}
    assert any(case.id.endswith("fake:flapping") for case in cases)


def test_fake_fix_applies_by_facts() -> None:
    """A fake fix of alerts is not tried on a fault that raises none."""
    library = shipped()
    silence = library.fakes["silence"]

    assert applies(silence, library.faults["network-policy"])
    assert not applies(silence, library.faults["paused-change"])


def test_cases_are_chosen_by_glob() -> None:
    """`--only` takes globs over ids."""
    ids = [case.id for case in chosen(cases_of(shipped()), ["bad-image/fix*", "*/unfixed"])]

    assert "bad-image/fix:roll-forward" in ids
    assert "scaled-to-zero/unfixed" in ids
    assert "bad-image/regression" not in ids
