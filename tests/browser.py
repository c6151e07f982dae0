"""A real browser for tests of pages: the system's Chromium, driven by playwright.

`make test` installs it where it may; elsewhere tests of pages are skipped, with the reason. With
`GUARDED_AGENT_BROWSER=required`, as CI has it, a missing browser is a failure.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
GRAVE = {"serious", "critical"}


@dataclass
class Watched:
    """A page, and whatever it did that no page of ours may do."""

    page: Page
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """URLs that it fetched."""

    def faults(self) -> list[str]:
        """Return what axe-core finds that is serious."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
            for one in found
            if one["impact"] in GRAVE
        ]


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        why = f"no browser: install one of {', '.join(NAMES)}"
        if os.environ.get("GUARDED_AGENT_BROWSER") == "required":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        # Containers of CI are often root's, where Chromium has no sandbox.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def watched(given: Browser, *, width: int = 1280, dark: bool = False) -> Iterator[Watched]:
    """Have a page whose errors, dialogs and requests are noted."""
    scheme = "dark" if dark else "light"
    page = given.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    found = Watched(page=page)

    def asked(request: Request) -> None:
        found.asked.append(request.url)

    page.on("console", lambda said: found.wrong.append(f"console: {said.text}"))
    page.on("pageerror", lambda error: found.wrong.append(f"error: {error}"))
    page.on("dialog", lambda dialog: found.wrong.append(f"dialog: {dialog.message}"))
    page.on("request", asked)
    try:
        yield found
    finally:
        page.close()


def opened(found: Watched, file: Path) -> Page:
    """Open a file."""
    found.page.goto(file.as_uri())
    return found.page
