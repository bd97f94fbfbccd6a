"""The `ollama` package: used for two calls, and kept from what it would do by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmhub.backends.ollama import Ollama
from llmhub.core.errors import BackendError, FailureKind
from llmhub.net import Authority, make_client
from support.ollama_replay import daemon
from support.replay import Answer, contract_answer, replay

SOURCE = Path(__file__).parents[2] / "tui"


async def test_the_key_for_ollama_com_is_not_sent_to_a_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "secret")
    routes = {
        "DELETE /api/delete": Answer.of(None),
        "POST /api/copy": Answer.of(None),
        "POST /api/chat": contract_answer("ollama-load.json"),
        "GET /api/tags": contract_answer("ollama-tags.json"),
    }
    async with replay(routes) as server:
        client = make_client(authorities=[Authority("https://ollama.com", lambda: os.environ["OLLAMA_API_KEY"])])
        ollama = Ollama(client, server.url)
        await ollama.delete("a")
        await ollama.copy("a", "b")
        await ollama.load("a", 8192)
        await ollama.installed()
        await client.aclose()

    assert len(server.asked) == 4
    assert not any("authorization" in asked.headers for asked in server.asked)


async def test_its_calls_go_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with daemon({"DELETE /api/delete": Answer.of(None)}) as (ollama, server):
        await ollama.delete("a")

    assert server.asked[0].json == {"model": "a"}


async def test_it_connects_where_we_say_and_not_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")

    async with daemon({"DELETE /api/delete": Answer.of(None)}) as (ollama, server):
        await ollama.delete("a")

    assert len(server.asked) == 1


@pytest.mark.parametrize("value", [":66000", ":-1", "::1", "0.0.0.0", '"127.0.0.1"'])
def test_a_value_of_ollama_host_that_breaks_its_import_does_not_break_ours(value: str) -> None:
    probe = (
        "import os; from llmhub.backends.ollama_package import _client_class;"
        "print(_client_class().__name__, os.environ['OLLAMA_HOST'])"
    )
    environ = os.environ | {"OLLAMA_HOST": value, "PYTHONPATH": str(SOURCE)}

    done = subprocess.run([sys.executable, "-c", probe], env=environ, capture_output=True, text=True, check=False)

    assert done.stdout.strip() == f"AsyncClient {value}", done.stderr


def test_nothing_loads_the_package_or_pydantic_before_it_is_used() -> None:
    probe = "import sys, llmhub.backends.ollama; print(sorted({'ollama', 'pydantic'} & sys.modules.keys()))"
    environ = os.environ | {"PYTHONPATH": str(SOURCE)}

    done = subprocess.run([sys.executable, "-c", probe], env=environ, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


async def test_a_path_before_the_api_is_kept() -> None:
    async with replay({"DELETE /ollama/api/delete": Answer.of(None)}) as server:
        client = make_client()
        await Ollama(client, f"{server.url}/ollama").delete("a")
        await client.aclose()

    assert [asked.path for asked in server.asked] == ["/ollama/api/delete"]


async def test_its_own_exceptions_do_not_come_out() -> None:
    for answer, kind in [
        (Answer.of({"error": "model 'a' not found"}, 404), FailureKind.NOT_FOUND),
        (Answer(raw=b""), FailureKind.UNREACHABLE),
        (Answer(b"<html>", 502, "text/html", chunked=False), FailureKind.PROTOCOL),
        (Answer.of({"error": "disk on fire"}, 500), FailureKind.REFUSED),
    ]:
        async with daemon({"DELETE /api/delete": answer}) as (ollama, _):
            with pytest.raises(BackendError) as raised:
                await ollama.delete("a")
        assert raised.value.kind is kind
