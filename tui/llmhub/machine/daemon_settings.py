"""How the daemon on this machine is set up, as far as that can be seen from here. Asks nobody, starts nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

PREFIX = "OLLAMA_"
_UNITS = (
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "usr/local/lib/systemd/system",
    "etc/systemd/system",
)
"""Later ones win, as systemd has it."""
_MOST_BYTES = 64 * 1024
_LINE_END = re.compile(r"\\\n")


def daemon_settings(
    environ: Mapping[str, str], *, root: Path = Path("/"), running: Iterable[Mapping[str, str]] | None = None
) -> dict[str, str]:
    """The `OLLAMA_...` variables of the daemon here.

    Those of the running process, where the system lets us see them (it is this person's own); else those of the
    service's unit files; else what llmhub itself was started with. Reads files: not on the event loop.

    Args:
        environ: Variables of llmhub's own process.
        root: Where the system's files are.
        running: Variables of each daemon that runs; looked for when not given.
    """
    for variables in _running() if running is None else running:
        return _named(variables)
    return _named(of_unit(root)) or _named(environ)


def of_unit(root: Path = Path("/")) -> dict[str, str]:
    """What the unit files of the service `ollama` set; nothing where there are none."""
    files: list[Path] = []
    for folder in _UNITS:
        unit = root / folder / "ollama.service"
        files += [unit, *sorted((root / folder / "ollama.service.d").glob("*.conf"))]
    found: dict[str, str] = {}
    for file in files:
        try:
            text = file.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace")
        except OSError:
            continue
        found.update(_set_in(text))
    return found


def _set_in(text: str) -> dict[str, str]:
    """The variables of `Environment=` lines."""
    found: dict[str, str] = {}
    for line in _LINE_END.sub(" ", text).splitlines():
        key, is_set, value = line.strip().partition("=")
        if not is_set or key.strip() != "Environment":
            continue
        try:
            words = shlex.split(value)
        except ValueError:
            continue
        for word in words:
            name, _, setting = word.partition("=")
            found[name] = setting
    return found


def _running() -> Iterable[Mapping[str, str]]:
    """Variables of each process `ollama serve` that may be looked into."""
    import psutil  # 20 ms that the first frame does not wait for

    for process in psutil.process_iter(["name"]):
        if (process.info["name"] or "").casefold() not in {"ollama", "ollama.exe"}:
            continue
        try:
            if "serve" in process.cmdline()[1:]:
                yield process.environ()
        except (psutil.Error, OSError):
            continue  # somebody else's, or gone


def _named(variables: Mapping[str, str]) -> dict[str, str]:
    return {key: value.strip() for key, value in variables.items() if key.startswith(PREFIX) and value.strip()}
