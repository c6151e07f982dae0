"""The terminal application: a list of runs, and one of them over it."""

from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from guardrails.top.asking import Asker
from guardrails.top.help_screen import HelpScreen
from guardrails.top.options import Options
from guardrails.top.runs_screen import RunsScreen
from guardrails.top.wire import Listing


class TopApp(App[int]):
    """Shows the runs of one service.

    Args:
        asker: Asks it; of the event loop that the application runs in.
        options: Of the command line.
        first: The first picture of the list.
    """

    TITLE = "guarded-agent top"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help"),
        Binding("q,ctrl+c", "quit", "Quit", key_display="q"),
    ]

    def __init__(self, asker: Asker, *, options: Options, first: Listing) -> None:
        super().__init__()
        self._list = RunsScreen(
            asker,
            scope=options.scope,
            limit=options.limit,
            interval=options.interval,
            first=first,
        )

    def on_mount(self) -> None:
        """Begin with the list."""
        self.push_screen(self._list)

    def action_help(self) -> None:
        """Show the page of keys."""
        self.push_screen(HelpScreen())
