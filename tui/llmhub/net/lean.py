"""Imports httpx without its command line.

httpx (0.28.1, `httpx/__init__.py`) imports its command line whenever click and rich are installed, and with them the
whole of both and pygments: 3.4 MB and half of what the import takes. It has a way for when they are not installed.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

_COMMAND_LINE = "httpx._main"

if "httpx" not in sys.modules:
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    modules[_COMMAND_LINE] = None  # the import system's own sign for a module that is not there
    try:
        import httpx  # noqa: F401
    finally:
        del modules[_COMMAND_LINE]
