"""What a person at the command line allows to be lost: read from text, with who answers for it."""

from collections.abc import Sequence
from datetime import datetime

from guardrails.core.allowances import Allowance
from guardrails.core.ids import CheckId
from guardrails.errors import UsageError
from guardrails.policy.allowing import allowable


def allowances(given: Sequence[str], *, by: str | None, at: datetime) -> tuple[Allowance, ...]:
    """Read `check:kind/name=reason` and `check:namespace/kind/name=reason`.

    Args:
        given: One text per loss.
        by: Who allows them.
        at: When.

    Raises:
        UsageError: Anything else, a check that is no loss, or nobody to answer for it.
    """
    if given and not (by or "").strip():
        raise UsageError("--allow needs --allowed-by NAME: the report says who allowed a loss")
    if by and not given:
        raise UsageError("--allowed-by says who allows a loss; give --allow, too")
    return tuple(_allowance(text, by=by or "", at=at) for text in given)


def _allowance(text: str, *, by: str, at: datetime) -> Allowance:
    what, _, reason = text.partition("=")
    check, _, place = what.partition(":")
    parts = place.split("/")
    if len(parts) not in {2, 3} or not all((*parts, reason.strip())):
        raise UsageError(
            f"--allow {text}: write check:kind/name=reason or check:namespace/kind/name=reason"
        )
    *namespace, kind, name = parts
    return Allowance(
        check=CheckId(allowable(check)),
        kind=kind,
        name=name,
        namespace=namespace[0] if namespace else "",
        reason=reason.strip(),
        by=by.strip(),
        at=at,
    )
