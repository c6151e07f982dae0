"""What every test is run with."""

import pytest
from hypothesis import settings

# Timings never gate a test: a busy machine must not fail one.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our own options."""
    parser.addoption(
        "--write-said", action="store_true", help="write down what checks say in tests/gates"
    )
