"""Failure vectors and advice as text for a person, and as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from guardrails.batch.advise import Advice
from guardrails.batch.compare import Compared
from guardrails.batch.intervals import Difference, Share
from guardrails.batch.ratios import Ratio
from guardrails.batch.vectors import ModeShares, Spent, Vector

HEADER = (
    "by", "group", "runs", "failed_runs", "successful_runs", "mode", "name", "weight", "shown",
    "failed", "failed_rate", "successful", "successful_rate", "ratio", "ratio_low", "ratio_high",
)  # fmt: skip


def vector_lines(vector: Vector) -> Iterator[str]:
    """Yield the table of one group: the modes that it shows, and the sums."""
    yield (
        f"{vector.by} {vector.name}: {vector.runs} runs ({vector.failed} failed, "
        f"{vector.successful} successful, {vector.unknown} unknown)"
    )
    seen = [one for one in vector.modes if one.shown]
    if not seen:
        yield "  no mode shows"
        return
    yield f"  {'MODE':<38}  {'FAILED':>12}  {'SUCCESSFUL':>12}  {'ALL':>5}  RATIO (95 %)"
    yield from map(_mode_line, seen)
    means = (_number(vector.modes_per_failed), _number(vector.modes_per_successful))
    yield f"  {'modes per run':<38}  {means[0]:>12}  {means[1]:>12}"
    failed = _part(vector.decisive_failed, vector.failed)
    successful = _part(vector.decisive_successful, vector.successful)
    ratio = _ratio(vector.decisive_ratio)
    yield f"  {'tagged decisive':<38}  {failed:>12}  {successful:>12}  {'':>5}  {ratio}".rstrip()


def advice_lines(advice: Advice, vector: Vector) -> Iterator[str]:
    """Yield what a group's vector calls for."""
    yield f"advice for {advice.name}:"
    yield from (f"  {line}" for line in _class_lines(advice))
    told = {
        "fatal (surely more often in failed runs)": advice.fatal,
        "structural (as common in successful runs)": advice.structural,
        "unclear (too few runs to tell)": advice.unclear,
    }
    for what, modes in told.items():
        yield f"  {what}: {', '.join(modes) or 'none'}"
    for answer in advice.answers:
        settings = "; ".join(f"{key}={setting(value)}" for key, value in answer.settings.items())
        said = settings or "no setting does; the agents' hand-over has to say more"
        yield f"  {answer.mode} {answer.name} is answered by: {said}"
    if vector.spent is not None:
        yield f"  {_spent(vector.spent)}"


def compared_lines(compared: Compared) -> Iterator[str]:
    """Yield what changed between two sets of runs; a star marks what is surely a change."""
    for one in compared.groups:
        name = one.name if one.name == one.before else f"{one.name} against {one.before}"
        yield f"{one.by} {name}: {one.runs_before} runs before, {one.runs} after"
        if one.success is not None and one.success_before is not None:
            yield _change_line("successful", one.success_before, one.success, one.success_change)
        yield from (
            _change_line(f"{m.mode} {m.name}", m.before, m.after, m.change) for m in one.modes
        )
    for word, names in (("after", compared.only_after), ("before", compared.only_before)):
        if names:
            yield f"only {word}, with nothing to compare: {', '.join(names)}"


def _change_line(what: str, before: Share, after: Share, change: Difference | None) -> str:
    shares = f"{_share(before):>12}  {_share(after):>12}"
    if change is None:
        return f"  {what:<38}  {shares}"
    points = (
        f"{change.value * 100:+.0f} points ({change.low * 100:+.0f} to {change.high * 100:+.0f})"
    )
    return f"  {what:<38}  {shares}  {points}{' *' if change.sure else ''}"


def _share(one: Share) -> str:
    return f"{one.runs} ({one.value:.0%})"


def csv_text(vectors: Iterable[Vector]) -> str:
    """Return a row per group and mode, with a header; what is not known is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for vector in vectors:
        group = (vector.by, vector.name, vector.runs, vector.failed, vector.successful)
        writer.writerows((*group, *_cells(one)) for one in vector.modes)
    return out.getvalue()


def _mode_line(one: ModeShares) -> str:
    failed = "-" if one.failed_rate is None else f"{one.failed} ({one.failed_rate:.0%})"
    successful = (
        "-" if one.successful_rate is None else f"{one.successful} ({one.successful_rate:.0%})"
    )
    name = f"{one.mode} {one.name}"
    line = f"  {name:<38}  {failed:>12}  {successful:>12}  {one.shown:>5}  {_ratio(one.ratio)}"
    return line.rstrip()


def _class_lines(advice: Advice) -> Iterator[str]:
    if advice.refused:
        yield f"class: not told ({advice.refused})"
        return
    nearest = advice.classes[0]
    yield (
        f"class: {nearest.profile}, nearest in {nearest.sure:.0%} of draws of the failed runs; "
        f"begin with --profile {nearest.profile} --set cascade.signature={nearest.profile}"
    )
    for one in advice.classes:
        yield f"  distance to {one.profile} ({one.model}): {one.distance:.2f}"


def _spent(spent: Spent) -> str:
    parts = [f"{spent.steps:.1f} of {spent.of_steps:.1f} steps"]
    if spent.tokens is not None:
        parts.append(f"{spent.tokens:,.0f} tokens")
    if spent.seconds is not None:
        parts.append(f"{spent.seconds:,.0f} s")
    return (
        f"after the first decisive finding, {spent.runs} failed runs spent on average "
        f"{', '.join(parts)}"
    )


def _cells(one: ModeShares) -> tuple[object, ...]:
    ratio = one.ratio
    ends = ("", "", "") if ratio is None else (ratio.value, ratio.low, ratio.high)
    return (
        one.mode, one.name, one.weight, one.shown, one.failed, _blank(one.failed_rate),
        one.successful, _blank(one.successful_rate), *ends,
    )  # fmt: skip


def _ratio(ratio: Ratio | None) -> str:
    return "" if ratio is None else f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _part(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if whole else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _blank(value: float | None) -> object:
    return "" if value is None else value


def setting(value: object) -> str:
    """Write a value as `--set` takes it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, cast("Sequence[object]", value)))
    return str(value)
