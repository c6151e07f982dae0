"""Binary operators of PromQL: arithmetic, comparisons, sets, and vector matching."""

import math
import operator
from collections.abc import Callable

import promql_parser as ast

from guardrails.testing.sim.promql_values import (
    PromqlError,
    Sample,
    Value,
    Vector,
    by_labels,
    unnamed,
    without_labels,
)
from guardrails.testing.sim.tsdb import Labels


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)


def _modulo(left: float, right: float) -> float:
    return math.fmod(left, right) if right else math.nan


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulo,
    "^": math.pow,
    "atan2": math.atan2,
}
_COMPARISON: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def _compute(name: str, left: float, right: float, *, keep: float, as_bool: bool) -> float | None:
    """The result of one pair; `None` if a comparison filters it out."""
    compare = _COMPARISON.get(name)
    if compare is None:
        return _ARITHMETIC[name](left, right)
    if as_bool:
        return float(compare(left, right))
    return keep if compare(left, right) else None


def apply(node: ast.BinaryExpr, left: Value, right: Value) -> Value:
    """The value of `left op right`.

    Raises:
        PromqlError: For many-to-many matches and operators that do not fit.
    """
    name = str(node.op)
    as_bool = node.modifier is not None and node.modifier.return_bool
    if isinstance(left, list) and isinstance(right, list):
        if name in ("and", "or", "unless"):
            return _set(name, left, right, key=_matching(node))
        return _join(node, name, left, right, as_bool=as_bool)
    if isinstance(left, float) and isinstance(right, float):
        done = _compute(name, left, right, keep=left, as_bool=True)
        return math.nan if done is None else done
    if isinstance(left, list) and isinstance(right, float):
        return _scalar(left, name, lambda one: (one.value, right), as_bool=as_bool)
    if isinstance(left, float) and isinstance(right, list):
        return _scalar(right, name, lambda one: (left, one.value), as_bool=as_bool)
    raise PromqlError(f"operator {name!r} does not fit its operands", kind="bad_data")


def _scalar(
    vector: Vector,
    name: str,
    pair: Callable[[Sample], tuple[float, float]],
    *,
    as_bool: bool,
) -> Vector:
    found: Vector = []
    for one in vector:
        value = _compute(name, *pair(one), keep=one.value, as_bool=as_bool)
        if value is not None:
            filters = name in _COMPARISON and not as_bool
            found.append(Sample(one.labels if filters else unnamed(one.labels), value))
    return found


def _matching(node: ast.BinaryExpr) -> Callable[[Labels], Labels]:
    matching = node.modifier.matching if node.modifier is not None else None
    if matching is None:
        return unnamed
    names = frozenset(matching.labels)
    if matching.type == ast.LabelModifierType.Include:
        return lambda labels: by_labels(labels, names)
    return lambda labels: without_labels(labels, names | {"__name__"})


def _set(name: str, left: Vector, right: Vector, *, key: Callable[[Labels], Labels]) -> Vector:
    there = {key(one.labels) for one in right}
    if name == "and":
        return [one for one in left if key(one.labels) in there]
    if name == "unless":
        return [one for one in left if key(one.labels) not in there]
    here = {key(one.labels) for one in left}
    return left + [one for one in right if key(one.labels) not in here]


def _join(node: ast.BinaryExpr, name: str, left: Vector, right: Vector, *, as_bool: bool) -> Vector:
    key = _matching(node)
    cardinality = str(node.modifier.card).rpartition(".")[2] if node.modifier else "OneToOne"
    swapped = cardinality == "OneToMany"
    many, one_side = (right, left) if swapped else (left, right)
    ones: dict[Labels, Sample] = {}
    for one in one_side:
        if ones.setdefault(key(one.labels), one) is not one:
            raise PromqlError(
                f"found duplicate series for the match group {dict(key(one.labels))} on the "
                f"{'left' if swapped else 'right'} hand-side of the operation; "
                "many-to-many matching not allowed: matching labels must be unique on one side"
            )
    grouped = cardinality in ("ManyToOne", "OneToMany")
    extra = frozenset(node.modifier.group_labels or ()) if node.modifier else frozenset[str]()
    filters = name in _COMPARISON and not as_bool
    found: Vector = []
    used: set[Labels] = set()
    for one in many:
        match = key(one.labels)
        other = ones.get(match)
        if other is None:
            continue
        if not grouped and match in used:
            raise PromqlError(
                "multiple matches for labels: many-to-one matching must be explicit "
                "(group_left/group_right)"
            )
        used.add(match)
        pair = (other.value, one.value) if swapped else (one.value, other.value)
        value = _compute(name, *pair, keep=pair[0], as_bool=as_bool)
        if value is None:
            continue
        if grouped:
            labels = one.labels if filters else unnamed(one.labels)
            labels = tuple(sorted({**dict(labels), **dict(by_labels(other.labels, extra))}.items()))
        else:
            labels = one.labels if filters else match
        found.append(Sample(labels, value))
    return found
