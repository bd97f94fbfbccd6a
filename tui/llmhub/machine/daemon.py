"""How Ollama is installed on this machine, by looking at files only: nothing is started, nobody is asked."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from llmhub.core.daemon_start import DaemonFacts

UNIT_FOLDERS = ("etc/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_USER_UNIT_FOLDERS = ("etc/systemd/user", "usr/local/lib/systemd/user", "usr/lib/systemd/user")


def daemon_facts(
    environ: Mapping[str, str] | None = None,
    *,
    root: Path = Path("/"),
    home: Path | None = None,
    system: str = sys.platform,
) -> DaemonFacts:
    """What there is of Ollama. Reads the disk: not on the event loop.

    Args:
        environ: Variables; those of the process when not given.
        root: Where the system's files are.
        home: The person's folder.
        system: As `sys.platform` names it.
    """
    environ = os.environ if environ is None else environ
    home = home or Path.home()
    binary = shutil.which("ollama", path=environ.get("PATH", os.defpath))
    models = environ.get("OLLAMA_MODELS") or str(home / ".ollama" / "models")
    if system == "darwin":
        return DaemonFacts("darwin", brew_service=_brewed(root), app=_mac_app(root, home), binary=binary, models=models)
    if system == "win32":
        return DaemonFacts("windows", app=_windows_app(environ), binary=binary, models=models)
    return DaemonFacts(
        "linux" if system == "linux" else "other",
        service=_unit(root, home),
        snap=(root / "snap/ollama").is_dir(),
        binary=binary,
        models=models,
        in_container=any((root / name).exists() for name in (".dockerenv", "run/.containerenv")),
    )


def _unit(root: Path, home: Path) -> Literal["system", "user"] | None:
    """A unit helps only where systemd is the one that runs (not in a container, not in every WSL)."""
    if not (root / "run/systemd/system").is_dir():
        return None
    if any((root / folder / "ollama.service").is_file() for folder in UNIT_FOLDERS):
        return "system"
    folders = [home / ".config/systemd/user", *(root / folder for folder in _USER_UNIT_FOLDERS)]
    return "user" if any((folder / "ollama.service").is_file() for folder in folders) else None


def _mac_app(root: Path, home: Path) -> str | None:
    for folder in (root / "Applications", home / "Applications"):
        if (folder / "Ollama.app").is_dir():
            return str(folder / "Ollama.app")
    return None


def _brewed(root: Path) -> bool:
    return any((root / folder / "opt/ollama").exists() for folder in ("opt/homebrew", "usr/local"))


def _windows_app(environ: Mapping[str, str]) -> str | None:
    for variable, inner in (("LOCALAPPDATA", "Programs"), ("PROGRAMFILES", "")):
        folder = environ.get(variable)
        if folder and (app := Path(folder) / inner / "Ollama" / "ollama app.exe").is_file():
            return str(app)
    return None
