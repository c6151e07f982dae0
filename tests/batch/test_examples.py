"""The examples in docstrings of tagging and vectors hold."""

import doctest
from types import ModuleType

import pytest

from benchmarks.mast import fates, gold
from guardrails.batch import advise, columns, lines, ratios, vectors


@pytest.mark.parametrize(
    "module", [advise, columns, fates, gold, lines, ratios, vectors], ids=lambda m: m.__name__
)
def test_examples_give_what_they_say(module: ModuleType) -> None:
    """Each module has some."""
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0
