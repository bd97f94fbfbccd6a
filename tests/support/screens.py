"""Screens as text, goldens, and waiting for what must come."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from textual.app import App
from textual.pilot import Pilot

GOLDENS = Path(__file__).parents[1] / "ui" / "goldens"


def drawn(app: App[Any]) -> str:
    """What the terminal shows, one line per row, without colour and without blanks at the ends of lines."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips).rstrip() + "\n"


def check_golden(name: str, text: str, folder: Path = GOLDENS) -> None:
    """Compare `text` with `NAME.txt` in the folder, `tests/ui/goldens`; with `UPDATE_GOLDENS=1` write it instead.

    Also holds every line to the width that the name ends in (`models-80x24`), if it ends in one.
    """
    size = name.rsplit("-", 1)[-1].split("x")
    if len(size) == 2 and all(part.isdigit() for part in size):
        from rich.cells import cell_len

        wide = [line for line in text.splitlines() if cell_len(line) > int(size[0])]
        assert not wide, f"wider than {size[0]} columns: {wide}"
        assert len(text.splitlines()) <= int(size[1]), f"more than {size[1]} lines"
    path = folder / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDENS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"no golden {path.name}: run with UPDATE_GOLDENS=1 and read what it wrote"
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; UPDATE_GOLDENS=1 rewrites it"


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str = "", limit_s: float = 10.0) -> None:
    """Let the app go on until `condition()` is true.

    Raises:
        AssertionError: with the screen as text, when it is not true within `limit_s` seconds.
    """
    end = monotonic() + limit_s
    while not condition():
        if monotonic() > end:
            raise AssertionError(f"did not come: {what or condition}\n{drawn(pilot.app)}")
        await asyncio.sleep(0.005)
        await pilot.pause()
    await pilot.pause()


async def shows(pilot: Pilot[Any], text: str, limit_s: float = 10.0) -> None:
    """Wait until the screen shows `text`."""
    await until(pilot, lambda: text in drawn(pilot.app), f"{text!r} on the screen", limit_s)
