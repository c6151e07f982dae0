"""What tests of `top` share: the application over a real service on loopback, and its screen."""

import asyncio
import io
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2
from rich.console import Console

from guardrails.sidecar.client import Endpoint
from guardrails.top.app import TopApp
from guardrails.top.asking import Asker
from guardrails.top.options import Options
from tests.sidecar.client.loopback import WITHIN, Loopback

SMALL, LARGE = (80, 24), (160, 50)
QUICK = Options(interval=0.1)
NASTY = (
    "[red]x[/] \x1b[2J\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\ [@click=app.quit]go[/]"
    "\x9b31m\u202e"
)
"""Markup of two libraries, escape sequences of a terminal, and a mark that turns text around."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An application that runs, and its keys."""

    app: TopApp
    pilot: Any

    @property
    def screen(self) -> str:
        """What a person sees."""
        width, height = self.app.size
        console = Console(
            width=width,
            height=height,
            file=io.StringIO(),
            force_terminal=True,
            record=True,
            legacy_windows=False,
        )
        console.print(self.app.screen._compositor.render_update(full=True))
        return console.export_text()

    @property
    def lines(self) -> list[str]:
        """The same, line by line."""
        return self.screen.rstrip("\n").split("\n")

    async def sees(self, *words: str, without: str = "") -> str:
        """Wait until words are on the screen, however many blanks are between them."""
        wanted = [_one_line(word) for word in words]

        def seen() -> bool:
            screen = _one_line(self.screen)
            return all(word in screen for word in wanted) and not (without and without in screen)

        await self.until(seen, lambda: self.screen)
        return self.screen

    async def until(self, holds: Callable[[], bool], said: Callable[[], object] = str) -> None:
        """Wait until something holds."""
        try:
            async with asyncio.timeout(WITHIN):
                while not holds():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            raise AssertionError(said()) from None

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)


def _one_line(text: str) -> str:
    return " ".join(text.split())


@asynccontextmanager
async def staged(
    endpoint: Endpoint, *, size: tuple[int, int] = SMALL, options: Options = QUICK
) -> AsyncGenerator[Stage]:
    """Run the application over a service."""
    async with Asker(endpoint) as asker:
        first = await asker.runs(options.scope, limit=options.limit)
        app = TopApp(asker, options=options, first=first)
        async with app.run_test(size=size) as pilot:
            yield Stage(app=app, pilot=pilot)


def people(service: Loopback, token: str = "") -> httpx2.AsyncClient:
    """Give a client of a service, for what agents do."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx2.AsyncClient(base_url=service.url, headers=headers, timeout=10)


def known_as(service: Loopback, token: str) -> Endpoint:
    """Return where a service is, for whoever has a token."""
    return replace(service.endpoint, token=token)


async def stated(client: httpx2.AsyncClient, run: str, number: int, **fact: object) -> None:
    """State a fact of an agent."""
    sent = {"events": [{"number": number, "fact": fact}]}
    answer = await client.post(f"/v1/sessions/{run}/events", json=sent)
    assert answer.status_code == 200, answer.text


async def ended(client: httpx2.AsyncClient, run: str, number: int) -> dict[str, Any]:
    """Ask to end, and return what came of it so far."""
    claim = {"kind": "mitigated", "text": "Rolled back."}
    body = {"number": number, "exit": "final_answer", "claim": claim, "wait": 0}
    answer = await client.post(f"/v1/sessions/{run}/end", json=body)
    assert answer.status_code in {200, 202}, answer.text
    return dict(answer.json())
