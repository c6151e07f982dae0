"""Services that are let go of when a test is over."""

from tests.sidecar.client.conftest import serve, stack

__all__ = ["serve", "stack"]
