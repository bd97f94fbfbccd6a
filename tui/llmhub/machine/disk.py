"""The folder that the daemon on this machine keeps its models in: where it is, what is free there, what is in it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from llmhub.core.sizing.disk import ModelsFolder
from llmhub.machine.daemon import UNIT_FOLDERS, daemon_facts

VARIABLE = "OLLAMA_MODELS"
_SERVICE_FOLDER = "usr/share/ollama/.ollama/models"
"""Of the user that Ollama's installer makes for the service (ollama/ollama scripts/install.sh, v0.32)."""
_SNAP_FOLDER = "var/snap/ollama/common/models"
_SETTING = re.compile(r"^[ \t]*Environment[ \t]*=(.*)$", re.MULTILINE)
_BLOB = re.compile(r"sha256-([0-9a-f]{64})")
_MOST_UNIT_BYTES = 64 * 1024


def models_folder_free(
    environ: Mapping[str, str] | None = None,
    *,
    root: Path = Path("/"),
    home: Path | None = None,
    system: str = sys.platform,
) -> ModelsFolder:
    """The folder, the bytes free on its disk, and the layers that are there. Reads the disk: not on the event loop.

    Only of use when the daemon is on this machine. A daemon that somebody started by hand with another OLLAMA_MODELS
    keeps them elsewhere, which nothing here can see.

    Args:
        environ: Variables; those of the process when not given.
        root: Where the system's files are.
        home: The person's folder.
        system: As `sys.platform` names it.
    """
    environ = os.environ if environ is None else environ
    path, source = _place(environ, root, home or Path.home(), system)
    return ModelsFolder(str(path), source, _free_bytes(path), _present(path))


def _place(environ: Mapping[str, str], root: Path, home: Path, system: str) -> tuple[Path, str]:
    if told := environ.get(VARIABLE):
        return Path(told).expanduser(), VARIABLE
    if system == "linux":
        facts = daemon_facts(environ, root=root, home=home, system=system)
        if facts.service == "system":
            set_there = _unit_setting(root)
            if set_there:
                return Path(set_there), f"{VARIABLE} of the service"
            return root / _SERVICE_FOLDER, "the service's own"
        if facts.snap:
            return root / _SNAP_FOLDER, "the snap's own"
    return home / ".ollama" / "models", "yours"


def _unit_setting(root: Path) -> str | None:
    """What the unit, or what was added to it with `systemctl edit`, sets; the last one counts."""
    found = None
    for folder in reversed(UNIT_FOLDERS):
        unit = root / folder / "ollama.service"
        try:
            added = sorted((root / folder / "ollama.service.d").glob("*.conf"))
        except OSError:
            added = []
        for path in (unit, *added):
            for line in _SETTING.findall(_text(path)):
                found = _assigned(line, found) if line.strip() else None  # an empty one takes back what was set before
    return found


def _assigned(line: str, found: str | None = None) -> str | None:
    """What a line such as `"A=1" "OLLAMA_MODELS=/data"` sets."""
    try:
        words = shlex.split(line)
    except ValueError:
        return found
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name == VARIABLE and value:
            found = value
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_UNIT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _free_bytes(path: Path) -> int | None:
    """Of the disk that the folder is on, or will be on: its nearest parent that is there."""
    for place in (path, *path.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _present(path: Path) -> frozenset[str] | None:
    """Whole layers; the parts of a pull that was stopped have other names."""
    try:
        with os.scandir(path / "blobs") as entries:
            return frozenset(f"sha256:{match[1]}" for entry in entries if (match := _BLOB.fullmatch(entry.name)))
    except FileNotFoundError:
        return frozenset() if _is_readable(path) else None
    except OSError:
        return None


def _is_readable(path: Path) -> bool:
    """Whether nothing being there means that nothing is there: `.ollama` itself or a parent can be looked into."""
    for place in (path, *path.parents):
        try:
            os.scandir(place).close()
        except FileNotFoundError:
            continue
        except OSError:
            return False
        return True
    return False
