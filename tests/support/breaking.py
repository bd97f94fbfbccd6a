"""Runs import-linter over a copy of the package, whole and with lawless imports in one file at a time.

`python breaking.py FOLDER OFFENCES` with OFFENCES as JSON, `[[file, lines], …]`: prints, as JSON, what is broken in the
copy as it is, and then for each offence alone: `{contract: [what it says is not allowed, …]}`. It is a process of its
own, because import-linter looks for the package where this interpreter would import it from.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path

VERDICT = re.compile(r"^(.+) (KEPT|BROKEN)$", re.MULTILINE)
NOT_ALLOWED = re.compile(r"^(\S+) is not allowed to import (\S+):$", re.MULTILINE)


def broken() -> dict[str, list[str]]:
    """What `lint-imports` finds here: each broken contract, and the imports that it names."""
    from importlinter.cli import lint_imports

    told = io.StringIO()
    with redirect_stdout(told):
        status = lint_imports(config_filename="pyproject.toml", cache_dir=".cache", no_logo=True)
    summary, _, details = told.getvalue().partition("Broken contracts\n")
    verdicts = VERDICT.findall(summary)
    names = [name for name, verdict in verdicts if verdict == "BROKEN"]
    if not verdicts or bool(names) != bool(status):
        raise RuntimeError(told.getvalue())
    named = [f"{importer} -> {imported}" for importer, imported in NOT_ALLOWED.findall(details)]
    return dict.fromkeys(names, named)


def with_lines(file: Path, lines: str) -> dict[str, list[str]]:
    """The same while `file` ends in `lines`."""
    whole = file.read_text("utf-8")
    file.write_text(f"{whole}\n{lines}\n", "utf-8")
    try:
        return broken()
    finally:
        file.write_text(whole, "utf-8")


if __name__ == "__main__":
    folder, offences = Path(sys.argv[1]), json.loads(sys.argv[2])
    os.chdir(folder)
    sys.path.insert(0, str(folder / "tui"))
    print(json.dumps([broken(), *(with_lines(folder / file, lines) for file, lines in offences)]))
