"""Compares a value of an object with what a person wrote in YAML.

Kubernetes writes `"True"` where YAML makes a boolean of it, and quantities such as `500m` where
people write numbers; a comparison that took these for different would turn away what is right.
"""

from guardrails.gates.kubernetes.quantities import amount
from guardrails.policy.custom import ObjectCondition


def holds(condition: ObjectCondition, value: object) -> bool | None:
    """Tell whether a value is as a condition wants it; None when the two cannot be compared.

    >>> holds(ObjectCondition(kind="Pod", name="a", path="x", equals=True), "True")
    True
    """
    match condition:
        case ObjectCondition(one_of=tuple(choices)):
            return any(same(value, choice) for choice in choices)
        case ObjectCondition(at_least=least) if least is not None:
            number = number_of(value)
            return None if number is None else number >= least
        case ObjectCondition(at_most=most) if most is not None:
            number = number_of(value)
            return None if number is None else number <= most
        case ObjectCondition(not_equals=other) if other is not None:
            return not same(value, other)
        case _:
            return same(value, condition.equals)


def same(value: object, written: object) -> bool:
    """Tell whether a value of an object is the one that was written."""
    if isinstance(value, bool) or isinstance(written, bool):
        return shown(value).lower() == shown(written).lower()
    if isinstance(value, (int, float)) and isinstance(written, (int, float)):
        return float(value) == float(written)
    return shown(value) == shown(written)


def number_of(value: object) -> float | None:
    """Read a number or a quantity; None for anything else.

    >>> number_of("1.5Gi") == 1.5 * 2**30
    True
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    return amount(value) if isinstance(value, str) else None


def shown(value: object) -> str:
    """Write a value as YAML would show it, without quotes."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case _:
            return str(value)
