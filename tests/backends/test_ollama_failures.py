"""Whatever goes wrong is told in three parts, and says what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from llmhub.backends.ollama import Ollama
from llmhub.backends.ollama_failures import Failures
from llmhub.core.chat import Accepted, ChatRequest, Message
from llmhub.core.errors import BackendError, FailureKind
from llmhub.net import OfflineError, Switch, UnreachableError, make_client
from support.ollama_replay import HELLO, chat, daemon
from support.replay import Answer, contract_errors, replay


async def failed(ollama: Ollama, call: str) -> tuple[FailureKind, str]:
    """How a call of the host fails."""
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "installed": ollama.installed,
        "loaded": ollama.loaded,
        "info": ollama.info,
        "details": lambda: ollama.details("nope:1b"),
        "load": lambda: ollama.load("nope:1b", 8192),
        "unload": lambda: ollama.unload("nope:1b"),
        "delete": lambda: ollama.delete("nope:1b"),
        "copy": lambda: ollama.copy("nope:1b", "other"),
    }
    with pytest.raises(BackendError) as raised:
        await calls[call]()
    return raised.value.kind, str(raised.value)


@pytest.mark.parametrize(
    ("when", "kind", "told"),
    [
        (
            "model not installed",
            FailureKind.NOT_FOUND,
            "The model is not installed · qwen3:8b · pull it first: llmhub pull qwen3:8b",
        ),
        (
            "embed: model not installed (also chat, when the model vanishes between look-up and scheduling)",
            FailureKind.NOT_FOUND,
            "The model is not installed · qwen3:8b · pull it first: llmhub pull qwen3:8b",
        ),
        (
            "think asked of a model without the capability",
            FailureKind.REFUSED,
            "This model cannot think · qwen3:8b · switch thinking off for this lane",
        ),
        (
            "tools sent to a model without the capability",
            FailureKind.REFUSED,
            "This model cannot use tools · qwen3:8b · leave the tools out or take another model",
        ),
        (
            "chat asked of an embedding model",
            FailureKind.REFUSED,
            "This model cannot chat · qwen3:8b · take a model for chat, not for embeddings",
        ),
        (
            "option of the wrong type",
            FailureKind.REFUSED,
            'Ollama refused: option "stop" must be of type array · qwen3:8b · change the request and try again',
        ),
        (
            "prompt too long, shift false, template or parser model",
            FailureKind.OVERFLOW,
            "The prompt is longer than the context · qwen3:8b · take a larger context or leave out older turns",
        ),
        (
            "prompt too long, truncate false (error of llama-server nested as text)",
            FailureKind.OVERFLOW,
            (
                "The prompt is longer than the context · qwen3:8b, 20,480 tokens in a context of 16,384"
                " · take a larger context or leave out older turns"
            ),
        ),
        (
            "queue full (OLLAMA_MAX_QUEUE)",
            FailureKind.BUSY,
            "Ollama is busy: too many requests wait already · qwen3:8b · try again when one of them is done",
        ),
        (
            "runner died while loading",
            FailureKind.MEMORY,
            (
                "Ollama's engine died, probably for want of memory · qwen3:8b"
                " · unload other models, or take a smaller context or a smaller quantization"
            ),
        ),
        (
            "cloud model, not signed in",
            FailureKind.REFUSED,
            "Ollama's cloud wants you to sign in · qwen3:8b · run: ollama signin",
        ),
        (
            "cloud disabled by setting",
            FailureKind.REFUSED,
            "Ollama's cloud is switched off · qwen3:8b · switch it on in Ollama, or take a local model",
        ),
        (
            "model name missing",
            FailureKind.REFUSED,
            "Ollama refused: model is required · qwen3:8b · change the request and try again",
        ),
        (
            "empty body",
            FailureKind.REFUSED,
            "Ollama refused: missing request body · qwen3:8b · change the request and try again",
        ),
    ],
)
async def test_every_refusal_of_a_chat_says_what_to_do(when: str, kind: FailureKind, told: str) -> None:
    heard = await chat(contract_errors()[when])

    assert (heard.failed.kind, str(heard.failed)) == (kind, told)
    assert heard.failed.status == contract_errors()[when].status
    assert not any(isinstance(event, Accepted) for event in heard.events)


async def test_a_nested_overflow_tells_the_true_length_of_the_prompt() -> None:
    heard = await chat(contract_errors()["prompt too long, truncate false (error of llama-server nested as text)"])

    assert (heard.failed.prompt_tokens, heard.failed.context_tokens) == (20480, 16384)


@pytest.mark.parametrize(
    ("call", "when", "kind"),
    [
        ("details", "model not installed (generate the same)", FailureKind.NOT_FOUND),
        ("load", "model not installed", FailureKind.NOT_FOUND),
        ("unload", "model not installed", FailureKind.NOT_FOUND),
        ("delete", "delete: not installed", FailureKind.NOT_FOUND),
        ("copy", "copy: source not installed", FailureKind.NOT_FOUND),
        ("load", "runner died while loading", FailureKind.MEMORY),
        ("load", "queue full (OLLAMA_MAX_QUEUE)", FailureKind.BUSY),
        ("installed", "unknown path, or endpoint newer than the daemon", FailureKind.PROTOCOL),
        ("installed", "Host header not local while bound to loopback", FailureKind.REFUSED),
        ("load", "wrong method", FailureKind.PROTOCOL),
        ("delete", "wrong method", FailureKind.PROTOCOL),
        ("delete", "Host header not local while bound to loopback", FailureKind.REFUSED),
    ],
)
async def test_every_refusal_of_another_call_has_its_kind(call: str, when: str, kind: FailureKind) -> None:
    answer = contract_errors()[when]
    routes = {
        "GET /api/tags": answer,
        "POST /api/show": answer,
        "POST /api/chat": answer,
        "DELETE /api/delete": answer,
        "POST /api/copy": answer,
    }

    async with daemon(routes) as (ollama, _):
        found, told = await failed(ollama, call)

    assert found is kind
    assert told.count(" · ") == 2


async def test_a_refused_host_name_is_explained_although_the_answer_is_empty() -> None:
    heard = await chat(contract_errors()["Host header not local while bound to loopback"])

    assert heard.failed.happened == "Ollama refused the host name that it was addressed by"
    assert "127.0.0.1" in heard.failed.remedy


@pytest.mark.parametrize("status", [200, 404, 502])
async def test_a_web_page_instead_of_json_is_said_to_be_one(status: int) -> None:
    page = Answer(b"\n<!DOCTYPE html><html><body><h1>It works!</h1></body></html>", status, "text/html", chunked=False)
    routes = dict.fromkeys(("GET /api/tags", "GET /api/ps", "POST /api/show", "POST /api/chat"), page)

    async with daemon(routes) as (ollama, server):
        listed = await failed(ollama, "installed")
        shown = await failed(ollama, "details")
        loaded = await failed(ollama, "load")
    chatted = (await chat(page)).failed

    assert {listed[0], shown[0], loaded[0], chatted.kind} == {FailureKind.PROTOCOL}
    assert listed[1] == (
        f"A web page came instead of an answer · {server.url}"
        " · another program or a proxy answers there; correct [ollama] url or OLLAMA_HOST"
    )


async def test_a_web_page_that_calls_itself_json_is_seen_through() -> None:
    heard = await chat(Answer(b"<html><body>Sign in to the hotel's network</body></html>\n"))

    assert heard.failed.happened == "A web page came instead of an answer"


async def test_a_broken_line_in_the_middle_keeps_the_text_and_shows_the_line() -> None:
    body = b'{"message":{"content":"Hi"},"done":false}\n{"message":{"conte\n{"done":true}\n'

    heard = await chat(Answer(body))

    assert heard.text == "Hi"
    assert heard.failed.kind is FailureKind.PROTOCOL
    assert heard.failed.detail == '{"message":{"conte'
    assert heard.failed.subject == "qwen3:8b, after 1 token (kept)"


@pytest.mark.parametrize("line", [b"[1,2]", b"7", b"null", b'"text"', b'{"hello":"world"}', b"[" * 100_000])
async def test_json_that_is_no_reply_is_not_taken_for_one(line: bytes) -> None:
    heard = await chat(Answer(line + b"\n"))

    assert heard.failed.kind is FailureKind.PROTOCOL


async def test_json_that_is_no_list_of_models_is_another_program() -> None:
    for answer in (Answer.of([]), Answer.of({"data": []}), Answer.of({"models": "no"}), Answer.of(7)):
        async with daemon({"GET /api/tags": answer, "GET /api/ps": answer}) as (ollama, _):
            assert (await failed(ollama, "installed"))[0] is FailureKind.PROTOCOL
            assert (await failed(ollama, "loaded"))[0] is FailureKind.PROTOCOL


async def test_llama_cpp_on_the_port_is_not_mistaken_for_a_missing_model() -> None:
    answer = Answer.of({"error": {"message": "File Not Found", "type": "not_found_error", "code": 404}}, 404)
    routes = {"GET /api/tags": answer, "POST /api/show": answer, "POST /api/chat": answer}

    async with daemon(routes) as (ollama, _):
        kinds = [(await failed(ollama, call))[0] for call in ("installed", "details", "load")]

    assert kinds == [FailureKind.PROTOCOL] * 3
    assert (await chat(answer)).failed.kind is FailureKind.PROTOCOL


@pytest.mark.parametrize("call", ["installed", "info", "details", "load", "unload", "delete", "copy"])
async def test_a_daemon_that_does_not_run_is_to_be_started(call: str) -> None:
    async with replay({}) as server:
        url = server.url
    client = make_client()

    kind, told = await failed(Ollama(client, url), call)

    assert (kind, told) == (
        FailureKind.UNREACHABLE,
        f"Ollama does not answer · {url} · start it: ollama serve",
    )
    await client.aclose()


async def test_a_chat_with_a_daemon_that_does_not_run_is_unreachable() -> None:
    heard = await chat(Answer(raw=b""))

    assert heard.failed.kind is FailureKind.UNREACHABLE
    assert heard.failed.happened == "Ollama hung up without an answer"


async def test_a_daemon_that_hangs_does_not_hang_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmhub.backends.ollama._LIST_S", 0.1)

    async with daemon({"GET /api/tags": Answer(before_s=60)}) as (ollama, _):
        kind, told = await failed(ollama, "installed")

    assert kind is FailureKind.UNREACHABLE
    assert told.startswith("Ollama does not answer in time")


async def test_what_is_not_http_is_no_ollama() -> None:
    async with daemon({"GET /api/tags": Answer(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n")}) as (ollama, _):
        kind, _ = await failed(ollama, "installed")

    assert kind is FailureKind.PROTOCOL


def test_a_daemon_on_another_machine_is_to_be_started_there() -> None:
    failures = Failures("ollama", "http://192.168.1.7:11434")

    told = failures.net(UnreachableError("no route to host"), doing="list")

    assert told.remedy == "start it on that machine, and let it listen there: OLLAMA_HOST=0.0.0.0 ollama serve"
    assert told.detail == "no route to host"


async def test_offline_a_daemon_elsewhere_is_refused_by_llmhub_itself() -> None:
    ollama = Ollama(make_client(Switch(offline=True)), "http://192.168.1.7:11434")

    for call in ("installed", "delete", "load"):
        assert (await failed(ollama, call))[0] is FailureKind.OFFLINE


def test_offline_says_which_host_was_not_reached() -> None:
    told = Failures("ollama", "http://x").net(OfflineError("x"), doing="list")

    assert str(told) == "llmhub is offline · x · switch offline off, or use this machine's Ollama"


async def test_escapes_and_markup_of_the_daemon_do_not_reach_a_message_as_such() -> None:
    evil = "\x1b]0;owned\x07\x1b[31mred\x1b[0m \u202egnp.exe [/x] \x9b2J\x00 end"

    heard = await chat(Answer.of({"error": evil}, 400), HELLO)

    assert heard.failed.happened == "Ollama refused: red gnp.exe [/x] end"
    assert heard.failed.detail == "red gnp.exe [/x]  end"


@pytest.mark.parametrize(
    "text",
    [
        "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, see logs",
        "llama-server reported out-of-memory during startup: cudaMalloc failed",
        "an error was encountered while running the model: unexpected EOF",
        "llama-server process has terminated: exit status 1: ggml_aligned_malloc: insufficient memory",
        "model requires more system memory (40.3 GiB) than is available (22.9 GiB)",
    ],
)
async def test_all_texts_that_mean_want_of_memory_are_told_as_that(text: str) -> None:
    heard = await chat(Answer.of({"error": text}, 500))

    assert heard.failed.kind is FailureKind.MEMORY
    assert heard.failed.detail == text


async def test_how_much_memory_is_missing_is_said_where_the_daemon_says_it() -> None:
    heard = await chat(
        Answer.of({"error": "model requires more system memory (40.3 GiB) than is available (22.9 GiB)"}, 500)
    )

    assert heard.failed.happened == "The model needs more memory than is free (40.3 GiB, free are 22.9 GiB)"


async def test_an_error_that_is_an_object_in_the_middle_of_a_stream_is_read() -> None:
    error = {"error": {"code": 400, "message": "context full", "type": "exceed_context_size_error", "n_ctx": 512}}

    heard = await chat(Answer.lines({"message": {"content": "a"}, "done": False}, error))

    assert (heard.failed.kind, heard.failed.detail, heard.failed.context_tokens) == (
        FailureKind.OVERFLOW,
        "context full",
        512,
    )


async def test_an_endless_error_page_does_not_fill_the_memory() -> None:
    heard = await chat(Answer(b"x" * 20_000_000, 500, "text/plain"))

    assert heard.failed.kind is FailureKind.REFUSED
    assert len(heard.failed.detail) <= 4000


# -- offline, the daemon is no way out --------------------------------------------------------------


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "glm-4.6:cloud", "mine:latest"])
async def test_offline_nothing_is_sent_to_a_cloud_through_the_daemon(model: str) -> None:
    stub = {"name": "mine:latest", "model": "mine:latest", "remote_host": "https://ollama.com", "remote_model": "x"}
    switch = Switch()
    async with replay({"GET /api/tags": Answer.of({"models": [stub]}), "POST /api/chat": Answer.lines()}) as server:
        client = make_client(switch)
        ollama = Ollama(client, server.url)
        await ollama.installed()
        switch.offline = True

        with pytest.raises(BackendError) as refused:
            async for _ in ollama.chat(ChatRequest(model, (Message.of("user", "secret"),))):
                pass
        asked = [asked.path for asked in server.asked]
        await client.aclose()

    assert refused.value.kind is FailureKind.OFFLINE
    assert asked == ["/api/tags"]


@pytest.mark.parametrize("model", ["qwen3:8b", "hf.co/user/repo:Q4_K_M"])
async def test_offline_the_daemon_is_not_asked_to_fetch(model: str) -> None:
    async with replay({"POST /api/pull": Answer.lines({"status": "success"})}) as server:
        client = make_client(Switch(offline=True))
        ollama = Ollama(client, server.url)

        with pytest.raises(BackendError) as refused:
            async for _ in ollama.pull(model):
                pass
        here = [event.status async for event in ollama.pull("127.0.0.1:5000/me/model:1b", insecure=True)]
        await client.aclose()

    assert refused.value.kind is FailureKind.OFFLINE
    assert (here, len(server.asked)) == (["success"], 1)
