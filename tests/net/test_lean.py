"""What the transport does not import."""

from __future__ import annotations

from support.processes import run_python


def test_httpx_comes_without_its_command_line_and_what_that_needs() -> None:
    done = run_python("import sys, llmhub.net; print(*sorted({'click', 'rich', 'pygments'} & sys.modules.keys()))")

    assert (done.stdout.split(), done.stderr) == ([], "")


def test_httpx_is_whole_also_for_whoever_imports_it_later() -> None:
    code = "import llmhub.net, httpx, httpx._main; print(httpx.AsyncClient.__name__, callable(httpx.main))"

    assert run_python(code).stdout.split() == ["AsyncClient", "True"]
