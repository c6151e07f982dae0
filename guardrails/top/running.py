"""Starts the terminal application, or writes one picture."""

import asyncio
import contextlib
import signal
from datetime import UTC, datetime
from typing import Final

from guardrails.sidecar.client import Endpoint
from guardrails.top.asking import Asker
from guardrails.top.options import Options
from guardrails.top.selecting import Choice, chosen
from guardrails.top.wire import Listing

TERMINATED: Final = 143
"""128 + SIGTERM."""


def listed(endpoint: Endpoint, options: Options) -> Listing:
    """Return one picture of the list, in the order that it is shown in.

    Raises:
        ServiceError: The service is not reached, or will not.
    """

    async def asked() -> Listing:
        async with Asker(endpoint) as asker:
            return await asker.runs(options.scope, limit=options.limit)

    found = asyncio.run(asked())
    return Listing(sessions=tuple(chosen(found.sessions, Choice())), role=found.role)


def show(endpoint: Endpoint, options: Options) -> int:
    """Show runs until the person leaves; return the exit code.

    Raises:
        ServiceError: The service is not reached at the start, or will not.
    """
    from guardrails.top.app import TopApp  # noqa: PLC0415  # textual, which may not be there

    async def shown() -> int:
        async with Asker(endpoint) as asker:
            # Before the screen is taken: a wrong URL or token is a line, and no picture.
            first = await asker.runs(options.scope, limit=options.limit)
            app = TopApp(asker, options=options, first=first)
            with contextlib.suppress(NotImplementedError):  # not everywhere are there signals
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGTERM, app.exit, TERMINATED)
            await app.run_async()
            return app.return_value or app.return_code or 0

    return asyncio.run(shown())


def now() -> datetime:
    """Return the time that ages are told by."""
    return datetime.now(UTC)
