"""Everything that each check says in its tests, one file per check, to be read and reviewed.

What a check says is what a model is told and a person reads, so it is held word by word: a
sentence that is not in the check's file fails the test that heard it. After a wanted change,
`python -m pytest tests/gates -p no:xdist --write-said` adds what is new; what is no longer said
goes when the files are deleted before.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from guardrails.core.evidence import AlertRef, Evidence, EvidenceState, ObjectRef, SourceRef

SAID = Path(__file__).with_name("said")


class Catalogue:
    """What checks said before, or say now.

    Args:
        folder: One text file per check.
        writing: Whether what is heard becomes what is known.
    """

    def __init__(self, folder: Path = SAID, *, writing: bool = False) -> None:
        self._folder, self._writing = folder, writing
        self._known: dict[str, frozenset[str]] = {}
        self._heard: defaultdict[str, set[str]] = defaultdict(set)

    def hold(self, evidence: Iterable[Evidence], at: datetime) -> None:
        """Hold what is said at a look to what is known.

        Raises:
            AssertionError: A check says something new.
        """
        for one in evidence:
            line = sentence(one, at)
            if self._writing:
                self._heard[one.check].add(line)
                continue
            known = self._of(one.check)
            assert line in known, f"{one.check} says something new (--write-said): {line}"

    def write(self) -> None:
        """Write down what was heard."""
        self._folder.mkdir(exist_ok=True)
        for check, lines in self._heard.items():
            text = "".join(f"{line}\n" for line in sorted(lines | self._of(check)))
            self._file(check).write_text(text, encoding="utf-8")

    def _of(self, check: str) -> frozenset[str]:
        if check not in self._known:
            file = self._file(check)
            lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else ()
            self._known[check] = frozenset(lines)
        return self._known[check]

    def _file(self, check: str) -> Path:
        return self._folder / f"{check.replace(':', '-')}.txt"


def sentence(evidence: Evidence, at: datetime) -> str:
    """Write evidence as one line, times relative to the look."""
    marks = [
        *(["aside"] if not evidence.counts else []),
        *(["for now"] if evidence.temporary else []),
        *([str(evidence.tier)] if evidence.tier != "state" else []),
    ]
    state = f"{evidence.state} ({', '.join(marks)})" if marks else str(evidence.state)
    parts = [state, f"{_subject(evidence)} {evidence.field}".strip(), evidence.observed]
    if evidence.expected:
        parts.append(f"expected: {evidence.expected}")
    if evidence.state is EvidenceState.VIOLATED and evidence.settles_by is not None:
        seconds = (evidence.settles_by - at).total_seconds()
        parts.append(f"waits {seconds:g} s for: {evidence.settling}")
    if evidence.query:
        parts.append(f"from: {evidence.query}")
    return " | ".join(part.replace("\n", " ") for part in parts)


def _subject(evidence: Evidence) -> str:
    match evidence.subject:
        case ObjectRef(kind=kind, name=name, namespace=namespace):
            return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
        case AlertRef(labels=labels):
            return f"alert {' '.join(f'{k}={v}' for k, v in sorted(labels.items()))}"
        case SourceRef(source=source, detail=detail):
            return f"source {source} {detail}".strip()
