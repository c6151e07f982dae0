"""Kubernetes quantities: `500m`, `64Mi`, `2e3`, as numbers."""

import re

_SUFFIXES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
_QUANTITY = re.compile(r"^([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)([a-zA-Z]*)$")


def parse_quantity(text: object) -> float:
    """A quantity as a float in its base unit.

    Raises:
        ValueError: If the text is no quantity.
    """
    found = _QUANTITY.match(str(text).strip())
    if found is None or found[2] not in _SUFFIXES:
        raise ValueError(f"quantity {text!r} is not a number with one of Kubernetes' suffixes")
    return float(found[1]) * _SUFFIXES[found[2]]


def format_bytes(value: float) -> str:
    """Bytes in the largest binary unit that divides them."""
    for suffix in ("Gi", "Mi", "Ki"):
        size = _SUFFIXES[suffix]
        if value and value % size == 0:
            return f"{int(value // size)}{suffix}"
    return f"{int(value)}" if value == int(value) else f"{value * 1000:.0f}m"
