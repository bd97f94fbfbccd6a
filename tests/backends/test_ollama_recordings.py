"""What real daemons of two versions sent, replayed over a socket, for every endpoint that llmhub calls."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from llmhub.backends.ollama import Ollama
from llmhub.core.chat import Accepted, ChatEvent, Durations, Finished, Served, TextDelta, ThinkingDelta, Usage
from llmhub.core.errors import BackendError, FailureKind
from llmhub.core.models import PullEvent
from llmhub.core.places import THIS_MACHINE
from llmhub.net import make_client
from support.ollama_replay import Heard, chat, daemon, merged, pull, request_of
from support.replay import VERSIONS, Route, recorded, recordings

NOT_A_REPLY = {"chat-empty-messages", "generate-debug-render"}
"""Recorded on the chat's path, but a load, and the rendering of a template."""
CHATS = [(version, name) for version, name in recordings("/api/chat") if name not in NOT_A_REPLY]
PULLS = recordings("/api/pull")


async def replayed(version: str, name: str, *, pieces: int | None = None) -> Heard:
    recording = recorded(version, name)
    return await chat(recording.answer.but(pieces=pieces), request_of(recording))


# -- every chat ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "name"), CHATS)
@pytest.mark.parametrize("pieces", [None, 7])
async def test_every_recorded_chat_gives_what_its_lines_say(version: str, name: str, pieces: int | None) -> None:
    recording = recorded(version, name)
    answer = recording.answer.but(pieces=pieces)
    if recording.answer.status != 200:
        heard = await chat(answer, request_of(recording))
        assert heard.failed.status == recording.answer.status
        assert heard.events == []
        return
    said = recording.said
    messages = [line.get("message", {}) for line in said]
    text = "".join(message.get("content", "") for message in messages)
    thinking = "".join(message.get("thinking", "") for message in messages)

    if recording.closed_after is not None:
        heard = await stopped(version, name)
    else:
        heard = await chat(answer, request_of(recording))

    if name != "think-off":
        assert (heard.text, heard.thinking) == (text, thinking)
    assert heard.events[:2] == [Accepted(), Served(THIS_MACHINE)]
    last = said[-1]
    if last.get("done"):
        assert heard.finished.usage == Usage(last["prompt_eval_count"], last["eval_count"], source="daemon")
        assert heard.finished.durations == Durations(
            last["total_duration"], last["load_duration"], last["prompt_eval_duration"], last["eval_duration"]
        )
    elif recording.closed_after is None:
        assert heard.failed.subject.endswith(f"after {heard.pieces:,} tokens (kept)")


async def stopped(version: str, name: str) -> Heard:
    """A chat that is closed when as much has come as the recorder waited for."""
    recording = recorded(version, name)
    pieces = sum(1 for line in recording.said if line["message"]["content"] or line["message"].get("thinking"))
    heard = Heard([], None, {})
    async with daemon({"POST /api/chat": recording.answer}) as (ollama, server):
        async with aclosing(ollama.chat(request_of(recording))) as events:
            async for event in events:
                heard.events.append(event)
                if heard.pieces == pieces:
                    break
        await asyncio.wait_for(server.left.wait(), 5)
    return heard


# -- section 16 of the notes on Ollama, observation by observation --------------------------------


@pytest.mark.parametrize("name", ["chat-overflow-while-writing", "chat-shift"])
async def test_01_a_stream_that_just_ends_after_31_equal_pieces_repeated_itself(name: str) -> None:
    heard = await replayed("0.32.15", name)

    assert heard.failed.kind is FailureKind.REPEATED
    assert heard.failed.happened == "The model repeated itself; Ollama stops after 31 equal pieces"
    assert heard.failed.subject == "tiny-qwen, after 89 tokens (kept)"
    assert heard.pieces == 89


@pytest.mark.parametrize(
    ("version", "name", "reason", "prompt", "completion"),
    [
        ("0.32.15", "endless-context-full-noshift", "context_full", 21, 491),
        ("0.24.0", "endless-context-full-noshift", "context_full", 21, 492),
        ("0.24.0", "chat-overflow-while-writing", "context_full", 10, 55),
        ("0.32.15", "endless-num-predict", "length", 21, 100),
        ("0.24.0", "endless-num-predict", "length", 21, 100),
        ("0.32.15", "chat-num-predict", "length", 10, 3),
        ("0.32.15", "chat-small-context", "length", 21, 10),
        ("0.24.0", "chat-small-context", "length", 21, 10),
    ],
)
async def test_02_a_full_context_is_told_from_num_predict(
    version: str, name: str, reason: str, prompt: int, completion: int
) -> None:
    heard = await replayed(version, name)

    assert heard.finished.reason == reason
    assert heard.finished.usage == Usage(prompt, completion, source="daemon")


@pytest.mark.parametrize("version", VERSIONS)
async def test_03_a_shifted_context_shows_only_in_the_counts_and_we_never_ask_for_it(version: str) -> None:
    recording = recorded(version, "endless-context-shift")

    heard = await replayed(version, "endless-context-shift")

    assert heard.finished.usage.completion == 1500 > recording.sent["options"]["num_ctx"]
    assert heard.asked["shift"] is False


@pytest.mark.parametrize(("version", "read"), [("0.32.15", 258), ("0.24.0", 512)])
async def test_04_a_prompt_cut_in_silence_shows_in_its_count_and_we_never_allow_it(version: str, read: int) -> None:
    heard = await replayed(version, "prompt-too-long-default")
    dropped = await replayed(version, "prompt-old-messages-dropped")

    assert heard.finished.usage.prompt == read
    assert dropped.finished.usage.prompt == 432
    assert (heard.asked["truncate"], heard.asked["options"]["num_ctx"]) == (False, 512)


@pytest.mark.parametrize(("version", "lengths"), [("0.32.15", (840, 512)), ("0.24.0", (None, None))])
async def test_04_a_prompt_that_is_refused_tells_its_true_length_where_the_daemon_knows_it(
    version: str, lengths: tuple[int | None, int | None]
) -> None:
    heard = await replayed(version, "prompt-old-messages-refused")

    assert heard.failed.kind is FailureKind.OVERFLOW
    assert (heard.failed.prompt_tokens, heard.failed.context_tokens) == lengths
    assert heard.failed.remedy == "take a larger context or leave out older turns"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "model", "context"),
    [("ps-too-big-ctx", "tiny-qwen:latest", 4096), ("ps-small-context", "recite:latest", 64)],
)
async def test_05_the_context_in_force_is_read_from_the_list_of_loaded_models(
    version: str, name: str, model: str, context: int
) -> None:
    async with daemon({"GET /api/ps": recorded(version, name).answer}) as (ollama, _):
        loaded = {found.name: found.context_tokens for found in await ollama.loaded()}

    assert loaded[model] == context


@pytest.mark.parametrize("version", VERSIONS)
async def test_05_a_context_above_the_trained_one_is_cut_to_it(version: str) -> None:
    async with daemon({"GET /api/ps": recorded(version, "ps-ctx-clamped").answer}) as (ollama, _):
        loaded = {found.name: found.context_tokens for found in await ollama.loaded()}

    assert loaded["think:latest"] == 4096


@pytest.mark.parametrize("version", VERSIONS)
async def test_06_a_load_that_fails_for_want_of_memory(version: str) -> None:
    heard = await replayed(version, "too-big-for-memory")

    assert heard.failed.kind is FailureKind.MEMORY
    assert heard.failed.subject == "ghost-huge"
    assert "smaller quantization" in heard.failed.remedy
    assert "GiB" in heard.failed.detail or "insufficient memory" in heard.failed.detail


@pytest.mark.parametrize("version", VERSIONS)
async def test_06_a_broken_file_is_named_by_chat_and_show(version: str) -> None:
    heard = await replayed(version, "broken-gguf")
    async with daemon({"POST /api/show": recorded(version, "show-broken").answer}) as (ollama, _):
        with pytest.raises(BackendError) as shown:
            await ollama.details("broken")

    assert str(heard.failed) == str(shown.value)
    assert heard.failed.happened == "The model's file is broken"
    assert heard.failed.remedy == "remove it and pull it again: llmhub pull broken"


@pytest.mark.parametrize("version", VERSIONS)
async def test_07_an_engine_killed_in_the_middle_keeps_the_text_and_the_next_request_works(version: str) -> None:
    killed = await replayed(version, "runner-killed-midstream")
    after = await replayed(version, "after-runner-killed")

    assert killed.failed.kind is FailureKind.MEMORY
    assert killed.failed.happened == "Ollama's engine died, probably for want of memory"
    assert killed.failed.remedy.startswith("ask again, Ollama loads it anew")
    assert killed.pieces == 59
    assert after.finished.usage.completion == 3


@pytest.mark.parametrize("version", VERSIONS)
async def test_07_a_daemon_killed_in_the_middle_keeps_the_text_and_says_so(version: str) -> None:
    heard = await replayed(version, "daemon-killed-midstream")

    assert heard.failed.kind is FailureKind.CUT
    assert str(heard.failed) == (
        f"Ollama stopped answering · endless, after {heard.pieces} tokens (kept)"
        " · start it again if it is gone: ollama serve; then ask again"
    )
    assert heard.text


@pytest.mark.parametrize("version", VERSIONS)
async def test_08_thoughts_left_in_the_text_by_think_false_are_thoughts_all_the_same(version: str) -> None:
    off = await replayed(version, "think-off")
    default = await replayed(version, "think-default")

    assert off.asked["think"] is False
    assert "think" not in default.asked
    assert off.thinking == default.thinking == "The user greets me. I should answer in one short line.\n"
    assert off.text == default.text == "Hello! How can I help you today?"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["think-on", "think-high"])
async def test_08_thinking_is_asked_for_in_so_many_words(version: str, name: str) -> None:
    heard = await replayed(version, name)

    assert heard.asked["think"] == recorded(version, name).sent["think"]
    assert [type(event) for event in merged(heard.events)[2:4]] == [ThinkingDelta, TextDelta]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["tool-call", "tool-nostream", "tool-result"])
async def test_09_a_tool_call_comes_with_its_id(version: str, name: str) -> None:
    heard = await replayed(version, name)

    call = heard.calls[0].call
    assert (call.name, call.arguments) == ("get_weather", '{"city": "Oslo"}')
    assert call.id.startswith("call_")
    assert heard.finished.reason == "tool_calls"


@pytest.mark.parametrize("version", VERSIONS)
async def test_09_without_tools_the_same_text_is_plain(version: str) -> None:
    heard = await replayed(version, "tool-text-without-tools")

    assert heard.calls == []
    assert heard.text.startswith("<tool_call>")
    assert heard.finished.reason == "stop"


async def test_10_an_image_for_a_model_without_vision_is_refused_or_ignored() -> None:
    refused = await replayed("0.32.15", "chat-image-unsupported")
    ignored = await replayed("0.24.0", "chat-image-unsupported")

    assert refused.failed.happened == "This model cannot see images"
    assert refused.failed.detail == "Multimodal data provided, but model does not support multimodal requests."
    assert ignored.finished.usage.completion == 24


@pytest.mark.parametrize("version", VERSIONS)
async def test_10_an_option_of_the_wrong_type_is_refused_in_the_daemon_s_words(version: str) -> None:
    heard = await replayed(version, "chat-bad-option-type")

    assert heard.failed.happened == 'Ollama refused: option "num_ctx" must be of type integer'


@pytest.mark.parametrize("version", VERSIONS)
async def test_11_an_unload_ends_when_the_model_is_gone_from_the_list(version: str) -> None:
    before, after = recorded(version, "ps-two").answer, recorded(version, "ps-after-unload").answer
    routes: dict[str, Route] = {
        "POST /api/chat": recorded(version, "unload").answer,
        "GET /api/ps": [before, before, after],
    }

    async with daemon(routes, poll_s=0.001) as (ollama, server):
        await ollama.unload("tiny-qwen")

    assert [asked.path for asked in server.asked] == ["/api/chat", "/api/ps", "/api/ps", "/api/ps"]
    assert server.asked[0].json == {"model": "tiny-qwen", "messages": [], "stream": False, "keep_alive": 0}


@pytest.mark.parametrize("version", VERSIONS)
async def test_11_after_keep_alive_0_the_model_is_gone_at_once(version: str) -> None:
    async with daemon({"GET /api/ps": recorded(version, "ps-just-after-keepalive-0").answer}) as (ollama, _):
        names = [found.name for found in await ollama.loaded()]

    assert names == ["tool:latest"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_12_a_pull_that_stands_still_repeats_its_figure(version: str) -> None:
    recording = recorded(version, "pull-stalled")

    events, failure = await pull(recording.answer, recording.sent["model"])

    assert recording.lines_total > 1000
    assert events[-1].completed_bytes == 6029312
    assert failure is not None
    assert failure.kind is FailureKind.CUT


@pytest.mark.parametrize("version", VERSIONS)
async def test_12_a_pull_goes_on_where_it_was(version: str) -> None:
    before = recorded(version, "pull-cancelled")
    stopped_at = before.said[-1]["completed"]

    events, failure = await pull(recorded(version, "pull-resumed").answer)

    first = next(event for event in events if event.digest)
    assert failure is None
    assert first.completed_bytes >= stopped_at


async def test_12_a_fresh_layer_ends_below_its_total_on_0_32_and_at_it_on_0_24() -> None:
    last: dict[str, PullEvent] = {}
    for version in VERSIONS:
        events, _ = await pull(recorded(version, "pull-resumed").answer)
        last[version] = [event for event in events if event.digest and event.digest.startswith("sha256:a395dfd18553")][
            -1
        ]

    assert last["0.32.15"].completed_bytes < (last["0.32.15"].total_bytes or 0)
    assert last["0.24.0"].completed_bytes == last["0.24.0"].total_bytes


@pytest.mark.parametrize("version", VERSIONS)
async def test_12_a_transfer_cut_again_and_again_ends_and_what_was_fetched_is_kept(version: str) -> None:
    _, failure = await pull(recorded(version, "pull-connection-cut").answer, "x")
    after, no_failure = await pull(recorded(version, "pull-after-cut").answer, "x")

    assert failure is not None
    assert failure.kind is FailureKind.UNREACHABLE
    assert failure.remedy == "check the connection and pull again; what was fetched is kept"
    assert no_failure is None
    assert next(event for event in after if event.digest).completed_bytes > 0


@pytest.mark.parametrize("version", VERSIONS)
async def test_12_a_wrong_digest_fails_at_the_very_end_and_the_next_pull_begins_anew(version: str) -> None:
    events, failure = await pull(recorded(version, "pull-corrupt").answer)
    after, no_failure = await pull(recorded(version, "pull-after-corrupt").answer)

    assert failure is not None
    assert failure.happened == "What was downloaded is damaged, and Ollama threw it away"
    assert events[-1].status == "verifying sha256 digest"
    assert no_failure is None
    assert after[-1].status == "success"


async def test_12_a_full_disk_is_told_at_once() -> None:
    _, failure = await pull(recorded("0.32.15", "pull-disk-full").answer)

    assert failure is not None
    assert failure.kind is FailureKind.DISK
    assert failure.happened == "No space is left where Ollama keeps its models"


# -- every pull ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "name"), PULLS)
@pytest.mark.parametrize("pieces", [None, 11])
async def test_every_recorded_pull_gives_its_lines(version: str, name: str, pieces: int | None) -> None:
    recording = recorded(version, name)
    answer = recording.answer.but(pieces=pieces)
    if recording.closed_after is not None:
        answer = answer.but(end="vanish")

    events, failure = await pull(answer, recording.sent["model"])

    lines = [line for line in (recording.said if recording.answer.status == 200 else []) if "status" in line]
    assert [(event.status, event.digest, event.total_bytes, event.completed_bytes) for event in events] == [
        (line["status"], line.get("digest"), line.get("total"), line.get("completed", 0)) for line in lines
    ]
    assert (failure is None) == (recording.said[-1].get("status") == "success")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "kind", "happened"),
    [
        ("pull-missing", FailureKind.NOT_FOUND, "No such model or tag"),
        ("pull-bad-name", FailureKind.REFUSED, "This is no name of a model"),
        ("pull-dead-registry", FailureKind.UNREACHABLE, "Ollama could not fetch it from the registry"),
        ("pull-not-insecure", FailureKind.UNREACHABLE, "Ollama could not fetch it from the registry"),
    ],
)
async def test_a_pull_that_cannot_begin_says_why(version: str, name: str, kind: FailureKind, happened: str) -> None:
    _, failure = await pull(recorded(version, name).answer)

    assert failure is not None
    assert (failure.kind, failure.happened) == (kind, happened)


# -- the other endpoints ------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_who_answers(version: str) -> None:
    routes: dict[str, Route] = {
        "GET /": recorded(version, "root").answer,
        "GET /api/version": recorded(version, "version").answer,
        "GET /api/status": recorded(version, "status").answer,
    }

    async with daemon(routes) as (ollama, _):
        info = await ollama.info()

    assert (info.version, info.is_ollama, info.cloud_disabled) == (version, True, False)


@pytest.mark.parametrize(("version", "name"), recordings("/api/tags"))
async def test_every_recorded_list_of_models(version: str, name: str) -> None:
    recording = recorded(version, name)
    listed = recording.said[0]["models"]

    async with daemon({"GET /api/tags": recording.answer}) as (ollama, _):
        models = await ollama.installed()

    assert [(m.name, m.size_bytes, m.digest, m.family, m.parameter_size, m.format) for m in models] == [
        (
            entry["name"],
            entry["size"],
            entry["digest"],
            entry["details"]["family"],
            entry["details"]["parameter_size"],
            entry["details"]["format"],
        )
        for entry in listed
    ]
    assert all(model.modified_at is not None for model in models)
    assert all(model.place == THIS_MACHINE for model in models)
    # 0.24 does not say what a model can; the context it was trained for neither said here, only in `show`
    assert all((model.capabilities is None) == (version == "0.24.0") for model in models)
    assert all(model.context_trained is None for model in models)


@pytest.mark.parametrize("version", VERSIONS)
async def test_two_names_of_one_model_have_one_digest(version: str) -> None:
    async with daemon({"GET /api/tags": recorded(version, "tags-shared-digest").answer}) as (ollama, _):
        models = await ollama.installed()

    same = [model.name for model in models if model.digest == models[0].digest]
    assert len(same) == 2


@pytest.mark.parametrize(("version", "name"), recordings("/api/ps"))
async def test_every_recorded_list_of_loaded_models(version: str, name: str) -> None:
    recording = recorded(version, name)
    listed = recording.said[0]["models"]

    async with daemon({"GET /api/ps": recording.answer}) as (ollama, _):
        models = await ollama.loaded()

    assert [
        (model.name, model.size_bytes, model.vram_bytes, model.context_tokens, model.never_expires) for model in models
    ] == [
        (entry["name"], entry["size"], entry["size_vram"], entry["context_length"], entry["expires_at"] > "2300")
        for entry in listed
    ]
    assert all((model.expires_at is None) == model.never_expires for model in models)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "model", "architecture", "capabilities"),
    [
        ("show", "tiny-llama", "llama", {"completion"}),
        ("show-created", "mario", "llama", {"completion"}),
        ("show-think", "think", "llama", {"completion", "thinking"}),
    ],
)
async def test_every_recorded_show(
    version: str, name: str, model: str, architecture: str, capabilities: set[str]
) -> None:
    recording = recorded(version, name)
    said = recording.said[0]

    async with daemon({"POST /api/show": recording.answer}) as (ollama, server):
        details = await ollama.details(model)

    assert server.asked[0].json == {"model": model}
    assert (details.name, details.architecture, set(details.capabilities or ())) == (model, architecture, capabilities)
    assert details.parameter_count == said["model_info"]["general.parameter_count"]
    assert details.context_trained == said["model_info"]["llama.context_length"]
    assert (details.template, details.parameters, details.system) == (
        said.get("template"),
        said.get("parameters"),
        said.get("system"),
    )
    assert len(details.tensors) == len(said["tensors"])
    first = said["tensors"][0]
    assert (details.tensors[0].name, details.tensors[0].type, list(details.tensors[0].shape)) == (
        first["name"],
        first["type"],
        first["shape"],
    )


@pytest.mark.parametrize("version", VERSIONS)
async def test_show_of_a_model_that_is_not_there(version: str) -> None:
    async with daemon({"POST /api/show": recorded(version, "show-missing").answer}) as (ollama, _):
        with pytest.raises(BackendError) as raised:
            await ollama.details("nope")

    assert str(raised.value) == "The model is not installed · nope · pull it first: llmhub pull nope"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["load", "load-second", "load-ctx-8192", "chat-empty-messages"])
async def test_every_recorded_load(version: str, name: str) -> None:
    async with daemon({"POST /api/chat": recorded(version, name).answer}) as (ollama, server):
        await ollama.load("tiny-qwen", 2048, "10m")

    assert server.asked[0].json == {
        "model": "tiny-qwen",
        "messages": [],
        "stream": False,
        "truncate": False,
        "shift": False,
        "options": {"num_ctx": 2048},
        "keep_alive": "10m",
    }


@pytest.mark.parametrize("version", VERSIONS)
async def test_unload_of_a_model_that_is_not_loaded_or_not_there(version: str) -> None:
    routes: dict[str, Route] = {
        "POST /api/chat": [recorded(version, name).answer for name in ("unload-not-loaded", "unload-missing")],
        "GET /api/ps": recorded(version, "ps-empty").answer,
    }

    async with daemon(routes) as (ollama, _):
        await ollama.unload("tiny-qwen")
        with pytest.raises(BackendError) as raised:
            await ollama.unload("nope")

    assert raised.value.kind is FailureKind.NOT_FOUND


@pytest.mark.parametrize("version", VERSIONS)
async def test_delete_and_copy(version: str) -> None:
    routes: dict[str, Route] = {
        "DELETE /api/delete": [recorded(version, name).answer for name in ("delete", "delete-missing")],
        "POST /api/copy": [recorded(version, name).answer for name in ("copy", "copy-llama", "copy-missing")],
    }

    async with daemon(routes) as (ollama, server):
        await ollama.delete("a:latest")
        await ollama.copy("a:latest", "b")
        await ollama.copy("c:latest", "d")
        refused = [await refusal(ollama, call) for call in ("delete", "copy")]

    assert [(asked.method, asked.path, asked.json) for asked in server.asked[:2]] == [
        ("DELETE", "/api/delete", {"model": "a:latest"}),
        ("POST", "/api/copy", {"source": "a:latest", "destination": "b"}),
    ]
    assert refused == ["The model is not installed · nope · look what is installed: llmhub models"] * 2


async def refusal(ollama: Ollama, call: str) -> str:
    with pytest.raises(BackendError) as raised:
        await (ollama.delete("nope") if call == "delete" else ollama.copy("nope", "x"))
    assert raised.value.kind is FailureKind.NOT_FOUND
    return str(raised.value)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_endpoint_that_does_not_exist_is_no_missing_model(version: str) -> None:
    async with daemon({"GET /api/tags": recorded(version, "unknown-path").answer}) as (ollama, _):
        with pytest.raises(BackendError) as raised:
            await ollama.installed()

    assert raised.value.kind is FailureKind.PROTOCOL
    assert raised.value.detail == "404 page not found"


async def test_a_whole_chat_after_another_needs_no_new_client() -> None:
    recording = recorded("0.32.15", "recite-chat")
    client = make_client()
    async with daemon({"POST /api/chat": recording.answer}) as (_, server):
        ollama = Ollama(client, server.url)
        heard: list[list[ChatEvent]] = []
        for _ in range(3):
            heard.append([event async for event in ollama.chat(request_of(recording))])

    assert all(isinstance(events[-1], Finished) for events in heard)
    assert merged(heard[0]) == merged(heard[2])
    await client.aclose()
