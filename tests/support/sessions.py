"""Sessions of many commands in one process of their own, as a person has them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from support.processes import environment

TESTS = str(Path(__file__).parents[1])
Command = Sequence[str] | Mapping[str, Any]


async def a_session(
    home: Path, commands: Sequence[Command], more: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Do `commands` (see `support.tripwire`) with everything logged; what each left.

    The loop of the test stays free meanwhile: servers of the test may live on it.
    """
    report = home.parent / "report.json"
    environ = environment({"LLMHUB_HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})
    environ |= {"PYTHONPATH": os.pathsep.join([environ["PYTHONPATH"], TESTS]), **(more or {})}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.tripwire", str(report)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environ,
    )
    out, err = await asyncio.wait_for(process.communicate(json.dumps(commands).encode()), 110)
    assert process.returncode == 0, (out + err).decode()
    done: list[dict[str, Any]] = json.loads(report.read_text())
    # what a library wrote past the streams of a command counts as told by the last one
    done.append({"arguments": ["(outside)"], "code": 0, "touched": [], "out": out.decode(), "err": err.decode()})
    return done


def every_byte_below(folder: Path) -> dict[str, bytes]:
    """The content of every file below `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
