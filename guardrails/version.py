"""The version of the distribution, read from its metadata."""

from importlib.metadata import PackageNotFoundError, version


def _read() -> str:
    try:
        return version("guarded-agent")
    except PackageNotFoundError:
        return "0+unknown"


VERSION = _read()
"""`0+unknown` when the package runs from a folder without being installed."""
