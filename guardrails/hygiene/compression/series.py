"""Series of numbers: what a diagnosis reads off them is where they began, ended and peaked."""

from typing import Final, TypeGuard

from guardrails.hygiene.compression.jsontext import Json

FEWEST: Final = 8
"""Points from which on a series is told in five values."""


def is_series(value: list[Json]) -> bool:
    """Tell whether a list holds numbers, or pairs of a time and a number as Prometheus has them."""
    return len(value) >= FEWEST and (
        all(_is_number(point) for point in value) or all(_is_pair(point) for point in value)
    )


def told(series: list[Json]) -> dict[str, Json]:
    """Tell a series by its count, first, last, least and greatest point.

    >>> told([[1, "4"], [2, "9"], [3, "0"]])["max"]
    [2, '9']
    """
    ordered = sorted(series, key=_number)
    return {
        "count": len(series),
        "first": series[0],
        "last": series[-1],
        "min": ordered[0],
        "max": ordered[-1],
    }


def with_series_told(value: Json) -> Json:
    """Tell every long series within a value."""
    match value:
        case dict():
            return {key: with_series_told(inner) for key, inner in value.items()}
        case list() if is_series(value):
            return told(value)
        case list():
            return [with_series_told(inner) for inner in value]
        case _:
            return value


def _is_number(value: Json) -> TypeGuard[int | float | None]:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or value is None


def _is_pair(value: Json) -> bool:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004
        return False
    at, number = value
    return isinstance(at, int | float) and (isinstance(number, str) or _is_number(number))


def _number(point: Json) -> tuple[bool, float]:
    """Order points; `NaN` and nothing come first, as they are no peak."""
    value = point[1] if isinstance(point, list) else point
    try:
        number = float(value) if isinstance(value, int | float | str) else float("nan")
    except ValueError:
        number = float("nan")
    return (number == number, number if number == number else 0.0)  # noqa: PLR0124
