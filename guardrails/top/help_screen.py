"""The page of keys and signs, over whatever was on the screen."""

from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

HELP: Final = """\
The list
  Enter      open the run under the cursor
  /          filter: words in run, key, state, phase, model, task, reason;
             Enter keeps it, Esc takes it away
  s, r       sort by the next column, backwards
  a          open runs, ended ones, all
A run
  e, f, g    its events as they come, its findings, its gate
  a          answer the open question (role operator); Esc leaves it
  Esc        back to the list
Everywhere
  q, Ctrl-C  leave; runs go on without anybody who looks

STATE  asks N: so many questions wait for a person. works: the agent does.
       gate: an end is judged. Else the outcome.
FOUND  failures by weight: D decisive, S structural, U without a figure.
REF    ends that were refused.

Esc closes this page.
"""


class HelpScreen(ModalScreen[None]):
    """What the keys do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close"),
    ]
    CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 78; max-width: 100%; height: auto; max-height: 100%;
        border: solid $primary; background: $surface; padding: 0 1;
    }
    """

    def compose(self) -> ComposeResult:
        """Show the page, scrolled where the terminal is too small."""
        with VerticalScroll():
            yield Static(Text(HELP))
