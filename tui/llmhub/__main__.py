"""`llmhub`: the app without an argument, a command with one."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run llmhub and leave with its exit code.

    The library for commands is imported only when there is one: the app's first frame does not wait for it.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given:
        from llmhub.bootstrap import run_app

        sys.exit(run_app({}))
    from llmhub.cli.main import run

    sys.exit(run(given))


if __name__ == "__main__":
    main()
