"""The one place where real things are made and joined, and where the app is opened over them."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from llmhub.bootstrap.signals import leave_on_signals
from llmhub.bootstrap.world import World
from llmhub.core.errors import LLMHubError
from llmhub.core.plain import one_line
from llmhub.settings.config import read_settings
from llmhub.settings.places import find_places

if TYPE_CHECKING:
    from llmhub.core.hub import Services

__all__ = ["World", "open_world", "run_app", "run_demo"]

NO_TERMINAL = LLMHubError(
    "The app needs a terminal",
    "standard input, output or error is none",
    "use a command instead: llmhub --help lists them",
)


def open_world(flags: Mapping[str, object]) -> World:
    """The real world: the person's settings, daemon and ledger. Reads the settings; opens nothing yet.

    Args:
        flags: What the command line overrides, by setting (`{"offline": True}`).
    """
    places = find_places()
    return World(read_settings(places.config_file, os.environ, flags), places, os.environ)


def run_app(flags: Mapping[str, object]) -> int:
    """Open the app; the exit code."""
    return _run(open_world(flags))


def run_demo(flags: Mapping[str, object]) -> int:
    """Open the app against simulators, in a home of its own that is removed afterwards; the exit code."""
    from llmhub.bootstrap.demo import demo_world

    with demo_world(flags) as world:
        return _run(world)


def _run(world: World) -> int:
    """The app over `world`, which is opened after the first frame."""
    # Textual (8.2.8) draws on standard error
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        sys.stderr.write(f"{NO_TERMINAL}\n")
        return 1
    # Imports make a great many objects and no garbage: looking for it takes a fifteenth of the start.
    gc.disable()
    # Textual (8.2.8) paints at ticks of 1/60 s, and after a pause at the second next one: a key pressed while a reply
    # streams was echoed up to 33 ms later. How often is painted does not change, only how soon.
    os.environ.setdefault("TEXTUAL_FPS", "240")
    from llmhub.settings.logs import start_log
    from llmhub.ui.app import LLMHubApp
    from llmhub.ui.theming import variable_defaults

    async def connect() -> Services:
        leave_on_signals(app)
        try:
            services = await world.connect()
        finally:
            # What is there now stays, so it is not looked through again: that is a tenth of what a reply costs.
            gc.freeze()
            gc.enable()
        for theme in world.found_themes.themes if world.found_themes else ():
            app.register_theme(theme)
        return services

    start_log(world.places.log_file)
    try:
        first = world.first_theme()
    except LLMHubError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    app = LLMHubApp(
        connect,
        close=world.close,
        themes=[first],
        theme=first.name,
        keymap=world.config.keymap,
        demo=world.demo,
        offline=world.config.offline,
        variable_defaults=variable_defaults,
    )
    app.run()
    for line in app.farewell:
        sys.stderr.write(f"{one_line(line)}\n")
    return app.return_code or 0
