"""A wire around this machine: what a whole process tries to reach elsewhere is refused and written down.

An audit hook sees every connection and every look-up of a name below all libraries, and cannot be gone round. Run as a
program it does a list of llmhub's commands in one process: `python -m support.tripwire REPORT < commands.json`.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

LOOPBACK = {"127.0.0.1", "::1", "localhost", "", None}
_WATCHED = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}


class _Wire:
    """The one hook of this process; a hook can't be taken away again, so it sleeps between uses."""

    def __init__(self) -> None:
        self.touched: list[str] | None = None
        self._installed = False

    def install(self) -> None:
        if not self._installed:
            self._installed = True
            sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.touched is None or event not in _WATCHED:
            return
        host = _host(event, arguments)
        if host not in LOOPBACK:
            self.touched.append(f"{event} {host}")
            raise OSError(f"the wire was touched: {event} {host}")


def _host(event: str, arguments: tuple[Any, ...]) -> str | None:
    if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
        return host.decode() if isinstance(host, bytes) else host
    address = arguments[1] if len(arguments) > 1 else None
    # a pair is IPv4 or IPv6; text is a path on this machine
    return str(address[0]) if isinstance(address, tuple) and address else None


_WIRE = _Wire()


@contextmanager
def tripwire() -> Iterator[list[str]]:
    """What is touched inside the block, in order."""
    _WIRE.install()
    touched: list[str] = []
    before, _WIRE.touched = _WIRE.touched, touched
    try:
        yield touched
    finally:
        _WIRE.touched = before


def main(report: Path) -> None:
    """Do the commands on standard input, each a list of arguments or an object with `arguments` and `stdin`."""
    from llmhub.cli.main import run
    from llmhub.settings.logs import start_log
    from llmhub.settings.places import find_places

    start_log(find_places().log_file, verbose=True)
    logging.getLogger().setLevel(logging.DEBUG)  # also what libraries say when somebody looks for a fault
    done = []
    for command in json.loads(sys.stdin.read()):
        asked = command if isinstance(command, dict) else {"arguments": command}
        out, err = io.StringIO(), io.StringIO()
        given = mock.patch.object(sys, "stdin", io.StringIO(asked.get("stdin", "")))
        with tripwire() as touched, redirect_stdout(out), redirect_stderr(err), given:
            code = run(asked["arguments"])
        texts = {"out": out.getvalue(), "err": err.getvalue()}
        done.append({"arguments": asked["arguments"], "code": code, "touched": touched, **texts})
    report.write_text(json.dumps(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
