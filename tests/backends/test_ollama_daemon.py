"""Against a real daemon, with models of our own making. Skipped where LLMHUB_TEST_OLLAMA names none."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

pytest.importorskip("gguf")
pytest.importorskip("numpy")

from llmhub.backends.ollama import Ollama
from llmhub.core.chat import (
    Accepted,
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    SamplingParams,
    Served,
    TextDelta,
    ThinkingDelta,
)
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.places import THIS_MACHINE
from llmhub.net import make_client
from support.ollama_replay import Heard, merged
from support.tiny_gguf import CONTEXT, TEMPLATE, THINKING_TEMPLATE, cut, write

pytestmark = pytest.mark.daemon

TEXT = "**Merge sort** splits a list in two halves, sorts each, and merges them: O(n log n) comparisons. Grüße, 日本!"
THOUGHTS, ANSWER = "The user greets me; I keep it short.", "Hello! How can I help?"
ENDLESS = " ".join(f"line {number} goes on" for number in range(40)) + "."

RECITE, THINK, FOREVER = "llmhub-test-recite", "llmhub-test-think", "llmhub-test-endless"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The three models, made in the daemon and removed again."""
    import os

    url = os.environ.get("LLMHUB_TEST_OLLAMA")
    if not url:
        yield
        return
    folder = tmp_path_factory.mktemp("models")
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        for name, text, endless, template in (
            (RECITE, TEXT, False, TEMPLATE),
            (THINK, f"<think>\n{THOUGHTS}\n</think>\n\n{ANSWER}", False, THINKING_TEMPLATE),
            (FOREVER, ENDLESS, True, TEMPLATE),
        ):
            write(folder / f"{name}.gguf", text, endless=endless)
            create(client, name, folder / f"{name}.gguf", template)
        yield
        for name in (RECITE, THINK, FOREVER):
            client.request("DELETE", "/api/delete", json={"model": name})


def create(client: httpx.Client, name: str, file: Path, template: str) -> None:
    body = file.read_bytes()
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    client.post(f"/api/blobs/{digest}", content=body).raise_for_status()
    asked = {"model": name, "files": {file.name: digest}, "template": template, "parameters": {"stop": ["<|im_end|>"]}}
    answer = client.post("/api/create", json=asked)
    assert json.loads(answer.text.splitlines()[-1]) == {"status": "success"}, answer.text


@pytest.fixture
async def ollama(real_ollama: str, models: None) -> AsyncIterator[Ollama]:
    client = make_client()
    yield Ollama(client, real_ollama)
    await client.aclose()


def ask(model: str, **settings: object) -> ChatRequest:
    return ChatRequest(model, (Message.of("user", "Hi"),), num_ctx=1024, **settings)  # type: ignore[arg-type]


async def hear(ollama: Ollama, request: ChatRequest) -> Heard:
    events: list[ChatEvent] = []
    failure = None
    try:
        async with aclosing(ollama.chat(request)) as coming:
            async for event in coming:
                events.append(event)
    except BackendError as error:
        failure = error
    return Heard(events, failure, {})


async def test_a_real_daemon_says_who_it_is(ollama: Ollama) -> None:
    info = await ollama.info()

    assert info.is_ollama
    assert info.version[0].isdigit()


async def test_our_models_are_listed_with_their_details(ollama: Ollama) -> None:
    listed = {model.name: model for model in await ollama.installed()}
    told = await ollama.details(THINK)
    verbose = await ollama.details(RECITE, verbose=True)

    model = listed[f"{RECITE}:latest"]
    assert (model.place, model.family, model.format) == (THIS_MACHINE, "llama", "gguf")
    assert model.size_bytes is not None
    assert model.size_bytes > 100_000
    assert told.capabilities is not None
    assert "thinking" in told.capabilities
    assert (told.architecture, told.context_trained) == ("llama", CONTEXT)
    assert len(verbose.tensors) == 12
    assert "tokenizer.ggml.tokens" not in verbose.model_info


async def test_a_reply_comes_whole_and_is_counted(ollama: Ollama) -> None:
    heard = await hear(ollama, ask(RECITE))

    assert heard.text == TEXT
    assert heard.events[:2] == [Accepted(), Served(THIS_MACHINE)]
    finished = heard.finished
    assert finished.reason == "stop"
    assert finished.usage.completion in {len(cut(TEXT).tokens), len(cut(TEXT).tokens) + 1}
    assert finished.usage.prompt
    assert finished.durations.total_ns


async def test_thoughts_come_apart_and_can_be_switched_off(ollama: Ollama) -> None:
    on = await hear(ollama, ask(THINK, think=True))
    off = await hear(ollama, ask(THINK, think=False))

    for heard in (on, off):
        assert (heard.thinking.strip(), heard.text.strip()) == (THOUGHTS, ANSWER)
        kinds = [type(event) for event in merged(heard.events)[2:]]
        assert kinds == [ThinkingDelta, TextDelta, Finished]


async def test_thinking_asked_of_a_model_that_cannot_is_refused(ollama: Ollama) -> None:
    heard = await hear(ollama, ask(RECITE, think=True))

    assert heard.failed.happened == "This model cannot think"


async def test_num_predict_and_a_full_context_are_told_apart(ollama: Ollama) -> None:
    short = await hear(ollama, ask(FOREVER, max_tokens=12))
    full = await hear(ollama, ask(FOREVER))

    assert short.finished.reason == "length"
    assert short.finished.usage.completion == 12
    assert full.finished.reason == "context_full"
    assert (full.finished.usage.prompt or 0) + (full.finished.usage.completion or 0) >= 1024


async def test_a_prompt_that_is_too_long_is_refused_and_never_cut(ollama: Ollama) -> None:
    request = ChatRequest(RECITE, (Message.of("user", "word " * 500),), num_ctx=1024)

    heard = await hear(ollama, request)

    assert heard.failed.kind is FailureKind.OVERFLOW


async def test_a_stop_word_ends_the_reply(ollama: Ollama) -> None:
    heard = await hear(ollama, ask(RECITE, params=SamplingParams(stop=("halves",))))

    assert TEXT.startswith(heard.text)
    assert "halves" not in heard.text
    assert heard.finished.reason == "stop"


async def test_stopping_a_reply_that_never_ends_frees_the_daemon_for_the_next(ollama: Ollama) -> None:
    pieces = 0
    async with aclosing(ollama.chat(ask(FOREVER))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                pieces += event.pieces
                if pieces > 20:
                    break

    async with asyncio.timeout(30):
        heard = await hear(ollama, ask(FOREVER, max_tokens=3))

    assert heard.finished.usage.completion == 3


async def test_a_model_is_loaded_with_its_context_and_unloaded_again(ollama: Ollama) -> None:
    await ollama.load(RECITE, 2048, "5m")
    loaded = {model.name: model for model in await ollama.loaded()}
    await ollama.unload(RECITE)
    after = [model.name for model in await ollama.loaded()]

    model = loaded[f"{RECITE}:latest"]
    assert (model.context_tokens, model.never_expires) == (2048, False)
    assert model.size_bytes > 0
    assert model.expires_at is not None
    assert model.name not in after


async def test_a_load_and_the_chat_after_it_load_once(ollama: Ollama) -> None:
    await ollama.load(RECITE, 1024)

    heard = await hear(ollama, ask(RECITE))

    assert (heard.finished.durations.load_ns or 0) < 1_000_000_000
    assert [model.context_tokens for model in await ollama.loaded() if model.name == f"{RECITE}:latest"] == [1024]


async def test_a_copy_is_the_same_model_and_can_be_deleted(ollama: Ollama) -> None:
    await ollama.copy(RECITE, f"{RECITE}-copy")
    listed = {model.name: model.digest for model in await ollama.installed()}
    await ollama.delete(f"{RECITE}-copy")
    after = {model.name for model in await ollama.installed()}

    assert listed[f"{RECITE}-copy:latest"] == listed[f"{RECITE}:latest"]
    assert f"{RECITE}-copy:latest" not in after


async def test_what_is_not_there_is_not_found(ollama: Ollama) -> None:
    for call in (
        ollama.details("llmhub-test-nothing"),
        ollama.load("llmhub-test-nothing", 1024),
        ollama.unload("llmhub-test-nothing"),
        ollama.delete("llmhub-test-nothing"),
    ):
        with pytest.raises(BackendError) as raised:
            await call
        assert raised.value.kind is FailureKind.NOT_FOUND
    assert (await hear(ollama, ask("llmhub-test-nothing"))).failed.kind is FailureKind.NOT_FOUND


async def test_a_pull_from_a_registry_that_is_not_there_says_so(ollama: Ollama) -> None:
    statuses: list[str] = []

    async def listen() -> None:
        async for event in ollama.pull("127.0.0.1:9/library/x", insecure=True):
            statuses.append(event.status)

    with pytest.raises(BackendError) as raised:
        await listen()

    assert statuses == ["pulling manifest"]
    assert raised.value.kind is FailureKind.UNREACHABLE
