"""Amounts in the API's notation, such as `500m` and `128Mi`, as numbers to compare."""

import re

_SUFFIXES = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3,
    "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
"""As the API documents quantities; the milli is the smallest that people write."""

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([a-zA-Z]*)")


def amount(quantity: str | float) -> float | None:
    """Return a quantity as a number, or None when it is none.

    >>> amount("500m"), amount("1Ki"), amount("2e3"), amount("some")
    (0.5, 1024.0, 2000.0, None)
    """
    found = _QUANTITY.fullmatch(str(quantity).strip())
    if found is None or found[2] not in _SUFFIXES:
        return None
    return float(found[1]) * _SUFFIXES[found[2]]
