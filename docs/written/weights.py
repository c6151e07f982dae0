"""Writes the table of explanation/decisive-or-structural.md from the published counts."""

from typing import Final

from docs.written.markdown import header, row
from guardrails.batch.ratios import likelihood_ratio
from guardrails.core.mast import MODES, FailureMode, Weight
from guardrails.core.signatures import SIGNATURES, Shown

BEGIN: Final = "<!-- weights: written by `make reference` -->\n"
END: Final = "<!-- end of weights -->\n"
NONE: Final = Shown(0, 0)


def with_table(page: str) -> str:
    """Return a page with the table between its marks.

    Raises:
        ValueError: It has no marks.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}{_table()}\n\n{END}{tail}"


def _table() -> str:
    models = [one.model for one in SIGNATURES.values()]
    lines = [header("mode", "weight", "successful", "failed", "ratio", "95 %", *models)]
    for mode, facts in MODES.items():
        shown = [one.shown.get(mode, NONE) for one in SIGNATURES.values()]
        shares = [
            _share(seen.failed, one.failed)
            for seen, one in zip(shown, SIGNATURES.values(), strict=True)
        ]
        unseen = facts.weight is Weight.UNSEEN
        figures = ("", "", "", "", *("" for _ in shares)) if unseen else (*_pooled(mode), *shares)
        lines.append(row(f"{mode} {facts.name}", str(facts.weight), *figures))
    return "\n".join(lines)


def _pooled(mode: FailureMode) -> tuple[str, str, str, str]:
    """Return the shares of successful and failed runs of all models, their ratio and interval."""
    shown = [one.shown.get(mode, NONE) for one in SIGNATURES.values()]
    successful, failed = sum(one.successful for one in shown), sum(one.failed for one in shown)
    of_successful = sum(one.successful for one in SIGNATURES.values())
    of_failed = sum(one.failed for one in SIGNATURES.values())
    ratio = likelihood_ratio(
        failed=failed, of_failed=of_failed, successful=successful, of_successful=of_successful
    )
    interval = f"{ratio.low:.1f}\N{EN DASH}{ratio.high:.1f}"
    return (
        _share(successful, of_successful),
        _share(failed, of_failed),
        f"{ratio.value:.1f}",
        interval,
    )


def _share(some: int, of: int) -> str:
    return f"{some / of:.0%}"
