"""Failure vectors of tables of tagged runs, counted by DuckDB: the same numbers as by folding.

DuckDB reads the columns that a question needs, over all cores, and hands back one row for each
group and set of modes; what is made of the counts is `guardrails.batch.vectors`, as ever.
"""

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, Final

from guardrails.batch.columns import COLUMNS
from guardrails.batch.recorded import Verdict
from guardrails.batch.scale.manifest import MANIFEST, Manifest, manifest_in
from guardrails.batch.scale.places import Place, place_of
from guardrails.batch.scale.settings import PartForm, PartitionKey
from guardrails.batch.vectors import UNNAMED, By, Tally
from guardrails.errors import UsageError

Arrow = Any
"""A module or value of pyarrow or DuckDB, which have no types that hold."""

_BY: Final = {
    By.MODEL: "model",
    By.FAULT: "fault",
    By.OUTCOME: "outcome",
    By.FORMAT: "format",
    By.ALL: "'all runs'",
}
_RUNS: Final = """
    select {name} as name, outcome, steps, modes, len(decisive) > 0 as decided,
        steps_after_decisive, tokens_after_decisive, seconds_after_decisive
    from runs
"""
_ROLE: Final = r"coalesce(nullif(regexp_replace({0}, '[ _:#-]*[0-9]+$', ''), ''), {0})"
"""As `guardrails.batch.vectors.role_of`."""
_AGENTS: Final = f"""
    with named as (
        select *, coalesce(notes['agent'], '') as said from runs
    ), acting as (
        select *, case when said <> '' then [said]
            when len(agents) = 0 then ['']
            else list_distinct(list_transform(agents, lambda one: {_ROLE.format("one")}))
            end as roles
        from named
    ), single as (
        select *, unnest(roles) as name from acting
    ), own as (
        select *, list_filter(
            findings, lambda one: said <> '' or {_ROLE.format("one.agent")} = name
        ) as theirs
        from single
    )
    select name, outcome, steps,
        case when said <> '' then modes
            else list_distinct(list_transform(theirs, lambda one: one.mode)) end as modes,
        case when said <> '' then len(decisive) > 0
            else len(list_filter(theirs, lambda one: one.severity = 'decisive')) > 0
            end as decided,
        steps_after_decisive, tokens_after_decisive, seconds_after_decisive
    from own
"""  # noqa: S608  # put together from this file alone
_COUNTED: Final = """
    with asked as ({asked})
    select name, outcome, list_sort(modes) as modes, decided, count(*)::bigint,
        count(steps_after_decisive)::bigint,
        coalesce(sum(steps_after_decisive), 0)::bigint,
        coalesce(sum(steps) filter (steps_after_decisive is not null), 0)::bigint,
        count(tokens_after_decisive)::bigint,
        coalesce(sum(tokens_after_decisive), 0)::bigint,
        count(seconds_after_decisive)::bigint,
        coalesce(sum(round(seconds_after_decisive * 1e6)::bigint), 0)::bigint
    from asked group by all order by all
"""
_ENOUGH = frozenset({"outcome", "modes", "decisive", "findings", "run_id", "steps_after_decisive"})


def tagged_parts(source: str) -> tuple[Place, Manifest] | None:
    """Return the output of `tag` that a source is; None where it is something else.

    Raises:
        UsageError: The work on it is not complete.
    """
    place = place_of(source)
    manifest = manifest_in(place)
    if manifest is not None and not manifest.complete:
        raise UsageError(
            f"{source}: tagging into it is not complete; give the same `guarded-agent tag` again"
        )
    return None if manifest is None else (place, manifest)


def is_tagged_table(source: str) -> bool:
    """Tell whether a Parquet file holds tagged runs, and no traces."""
    if not source.lower().endswith(".parquet"):
        return False
    place = place_of(source)
    found = place.look() or ()
    if len(found) != 1:
        return False  # a pattern of several, or of none: whoever reads it says so
    parquet: Arrow = _required("pyarrow.parquet")
    try:
        with place.files.open(found[0].path, "rb") as file:
            return frozenset(parquet.read_schema(file).names) >= _ENOUGH
    except OSError as error:
        raise UsageError(f"{source}: cannot read it: {error}") from error


def tallies_of_parts(place: Place, manifest: Manifest, *, by: By) -> dict[str, Tally]:
    """Count the runs of an output in Parquet, by the parts that its manifest names.

    Raises:
        UsageError: Parts are missing, or pyarrow or DuckDB is not installed.
    """
    if manifest.settings.form is not PartForm.PARQUET:
        raise UsageError(f"{place.at(MANIFEST).url}: its parts are no Parquet")
    paths = [place.at(part.path).path for done in manifest.done for part in done.parts]
    return _tallies(place, paths, manifest.settings.partition_by, by)


def lines_of_parts(place: Place, manifest: Manifest) -> Iterator[bytes]:
    """Yield the lines of an output in JSON lines, by the parts that its manifest names.

    Raises:
        UsageError: A part is missing.
    """
    for part in (part for done in manifest.done for part in done.parts):
        data = place.at(part.path).read()
        if data is None:
            raise UsageError(f"{place.at(part.path).url}: the manifest names it, and it is missing")
        yield from data.splitlines()


def tallies_of_table(source: str, *, by: By) -> dict[str, Tally]:
    """Count the runs of one Parquet file of tagged runs."""
    place = place_of(source)
    return _tallies(place, [place.path], (), by)


def _tallies(
    place: Place, paths: Sequence[str], keys: Sequence[PartitionKey], by: By
) -> dict[str, Tally]:
    if not paths:
        return {}
    duckdb, arrow = _required("duckdb"), _required("pyarrow")
    try:
        runs = _dataset(arrow, place, paths, keys)
        with duckdb.connect(":memory:") as database:
            database.register("runs", runs)
            counted: Iterable[tuple[Any, ...]] = database.execute(_question(by)).fetchall()
    except (OSError, arrow.ArrowException, duckdb.Error) as error:
        said = str(error).strip().splitlines()[0]
        raise UsageError(f"{place.url}: cannot count what it holds: {said}") from error
    return _folded(counted)


def _question(by: By) -> str:
    asked = _AGENTS if by is By.AGENT else _RUNS.format(name=_BY[by])
    return _COUNTED.format(asked=asked)


def _folded(counted: Iterable[tuple[Any, ...]]) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for name, outcome, modes, decided, number, *after in counted:
        tally = found.setdefault(name or UNNAMED, Tally())
        how = Verdict(outcome)
        tally.runs[how] += number
        for mode in modes:
            tally.shown[how, mode] += number
        tally.decided[how] += number * decided
        if how is not Verdict.WRONG:
            continue
        tally.sets[frozenset(modes)] += number
        if decided:
            for kept, more in (
                (tally.after, after[:3]),
                (tally.tokens, after[3:5]),
                (tally.micros, after[5:]),
            ):
                kept[:] = [a + b for a, b in zip(kept, more, strict=True)]
    return dict(sorted(found.items()))


def _dataset(
    arrow: Arrow, place: Place, paths: Sequence[str], keys: Sequence[PartitionKey]
) -> Arrow:
    """Open parts as one table; what folders say are columns again."""
    from guardrails.batch.parquet import arrow_schema  # noqa: PLC0415  # an extra

    datasets, files = _required("pyarrow.dataset"), _required("pyarrow.fs")
    system = files.PyFileSystem(files.FSSpecHandler(place.files))
    schema = arrow_schema(arrow)
    hive = (
        datasets.partitioning(
            arrow.schema([(str(key), arrow.string()) for key in keys]), flavor="hive"
        )
        if keys
        else None
    )
    table = datasets.dataset(
        list(paths),
        schema=schema,
        format="parquet",
        filesystem=system,
        partitioning=hive,
        partition_base_dir=place.path,
    )
    assert set(COLUMNS) == set(table.schema.names)
    return table


def _required(name: str) -> Arrow:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(
            f"counting Parquet needs {name.partition('.')[0]}: pip install 'guarded-agent[batch]'"
        ) from error
