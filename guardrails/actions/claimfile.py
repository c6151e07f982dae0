"""A diagnosis from a file: an agent's words, its report as JSON, or ITBench's `agent_output.json`.

The reader is the one that guarded runs use. It is stricter in one thing: a file that holds no
diagnosis is an error, because whoever names a file means it to be judged.
"""

import msgspec

from guardrails.actions.claims import LONGEST_REPORT, read_claim
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.incident import Goal
from guardrails.errors import ClaimError

_SAYS = {
    ClaimKind.GAVE_UP: "it says that the agent gave up, so there is nothing to verify",
    ClaimKind.NEEDS_HUMAN: "it asks for a person, so there is nothing to verify",
}


def read_diagnosis(data: bytes, *, name: str) -> Claim:
    """Read a diagnosis.

    Args:
        data: UTF-8: JSON, JSON in a fenced block among words, or words.
        name: Where it came from, for errors.

    Returns:
        The claim. What it names in a form that cannot be looked up is in `unread`.

    Raises:
        ClaimError: Empty, not text, broken JSON, too long, no diagnosis, or it names nothing.
    """
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ClaimError(f"{name}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    if not text:
        raise ClaimError(f"{name}: it is empty; a diagnosis names the root cause")
    if len(text) > LONGEST_REPORT:
        raise ClaimError(f"{name}: longer than {LONGEST_REPORT:,} characters")
    if text[0] == "{":
        _insist_on_json(text, name=name)
    claim = read_claim(text, goal=Goal.DIAGNOSIS)
    if (said := _SAYS.get(claim.kind)) is not None:
        raise ClaimError(f"{name}: {said}")
    if not claim.entities and not claim.unread:
        raise ClaimError(
            f"{name}: it names no object; write objects as kind/name, namespace/kind/name or "
            "`Deployment payment`"
        )
    return msgspec.structs.replace(claim, kind=ClaimKind.DIAGNOSED)


def _insist_on_json(text: str, *, name: str) -> None:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ClaimError(f"{name}: it begins like JSON and is none: {error}") from error
