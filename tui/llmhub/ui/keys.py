"""Keys as terminals send them, where Textual 8.2 reads them otherwise."""

from __future__ import annotations

from typing import cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.keys import Keys

NEW_LINE_KEYS = frozenset({"ctrl+j", "shift+enter", "alt+enter", "shift+\r"})
"""What inserts a line. `shift+\\r` is shift+enter under modifyOtherKeys (xterm, tmux with extended-keys)."""


def tell_alt_enter_apart() -> None:
    """Read `ESC CR` (alt+enter in most terminals and through tmux) as a new line.

    Textual 8.2.8 knows no such sequence and gives its characters one by one, so that the `CR` would send the prompt.
    """
    known = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
    for sequence in ("\x1b\r", "\x1b\n"):
        known[sequence] = (Keys.ControlJ,)
