"""Chat as text, at both sizes."""

from __future__ import annotations

import asyncio

import pytest

from llmhub.catalog.shipped import ShippedCatalogue
from llmhub.core.catalog import CatalogEntry
from llmhub.core.chat import Accepted, Durations, Finished, Served, TextDelta, ThinkingDelta, Usage
from llmhub.core.conversations import LaneSetup
from llmhub.core.daemon_start import StartAdvice, StartKind
from llmhub.core.errors import FailureKind
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.places import Place, PlaceKind
from llmhub.core.sizing.speeds import Chip
from llmhub.machine.chips import find_chip
from support.chat_mode import DECLARED, Stand, chat_app
from support.fake_catalog import FakeCatalog
from support.fake_cloud import FakeCloud, bill, priced_model
from support.fake_host import GIB, FakeHost, failure, installed_model
from support.screens import check_golden, drawn, shows, until

SIZES = [(80, 24), (120, 40)]
ENTRIES = ShippedCatalogue().entries()
M1_MAX = find_chip("M1 Max")
REPLY = """Merge sort splits the list in two, sorts each half, and merges them:

1. A list of one element is sorted.
2. Otherwise cut it in the middle and sort both halves.
3. Merge: take the smaller of the two heads until both are empty.

```python
def merge_sort(xs):
    if len(xs) < 2:
        return xs
    mid = len(xs) // 2
```

| step | cost |
| --- | --- |
| split | O(log n) |
| merge | **O(n)** |
"""
DONE = Finished("stop", Usage(1200, 412, source="daemon"), Durations(9_900_000_000, 0, 1_100_000_000, 8_728_813_559))


def host() -> FakeHost:
    made = FakeHost(installed_model("qwen3:8b"), installed_model("llama3.2:3b", 2_019_393_189))
    made.loaded_as("qwen3:8b")
    return made


def name(what: str, size: tuple[int, int]) -> str:
    return f"chat-{what}-{size[0]}x{size[1]}"


@pytest.mark.parametrize("size", SIZES)
async def test_an_empty_chat(size: tuple[int, int]) -> None:
    async with chat_app(host(), size, profile=DECLARED) as stand:
        check_golden(name("empty", size), drawn(stand.app))


@pytest.mark.parametrize("size", SIZES)
async def test_one_reply(size: tuple[int, int]) -> None:
    async with chat_app(host(), size, profile=DECLARED) as stand:
        stand.host.will_say("qwen3:8b", ThinkingDelta("hm", 84), TextDelta(REPLY, 412), DONE)
        await stand.say("Explain merge sort in three steps.")
        await stand.done()
        stand.chat.prompt.put("and in place?")
        await stand.pilot.pause()

        check_golden(name("reply", size), drawn(stand.app))


async def two_lanes(stand: Stand) -> None:
    stand.session.add_lane(LaneSetup("ollama", "llama3.2:3b"))
    await until(stand.pilot, lambda: len(stand.chat.board.transcripts) == 2, "two lanes")
    stand.host.will_say("qwen3:8b", TextDelta("Merge sort splits the list.", 412), DONE)
    stand.host.will_say("llama3.2:3b", TextDelta("Merge sort is a *divide-and-conquer* way.", 398), DONE)
    await stand.say("Explain merge sort.")
    await stand.done()


@pytest.mark.parametrize("size", SIZES)
async def test_two_lanes(size: tuple[int, int]) -> None:
    async with chat_app(host(), size, profile=DECLARED) as stand:
        await two_lanes(stand)

        check_golden(name("two-lanes", size), drawn(stand.app))


@pytest.mark.parametrize("size", SIZES)
async def test_a_reply_that_streams_beside_one_that_waits(size: tuple[int, int]) -> None:
    async with chat_app(host(), size, profile=DECLARED) as stand:
        stand.session.add_lane(LaneSetup("ollama", "llama3.2:3b"))
        await until(stand.pilot, lambda: len(stand.chat.board.transcripts) == 2, "two lanes")
        stand.host.will_say("qwen3:8b", TextDelta("Merge sort splits", 40), asyncio.Event())
        await stand.say("Explain merge sort.")
        await shows(stand.pilot, "Merge sort splits")
        stand.clock.now += 2.5
        stand.chat.board._tick()
        for transcript in stand.chat.board.transcripts:
            transcript.flush()
        await stand.pilot.pause()

        check_golden(name("streaming", size), drawn(stand.app))


@pytest.mark.parametrize("size", SIZES)
async def test_a_failure(size: tuple[int, int]) -> None:
    async with chat_app(host(), size) as stand:
        told = failure(
            FailureKind.CUT,
            happened="Ollama stopped answering",
            subject="qwen3:8b, after 2 tokens (kept)",
            remedy="ask again",
        )
        stand.host.will_say("qwen3:8b", TextDelta("Merge sort", 2), told)
        await stand.say("Explain merge sort.")
        await stand.done()

        check_golden(name("failure", size), drawn(stand.app))


@pytest.mark.parametrize("size", SIZES)
async def test_no_daemon(size: tuple[int, int]) -> None:
    made = host()
    made.down = True
    advice = StartAdvice(
        StartKind.START, "sudo systemctl start ollama", "It is a service here, and starts as one.", None
    )
    async with chat_app(made, size, wait=False, start_advice=advice) as stand:
        await shows(stand.pilot, "systemctl")

        check_golden(name("no-daemon", size), drawn(stand.app))


class Shipped(FakeCatalog):
    """Knows the models that ship, and nothing else."""

    def shipped(self) -> tuple[CatalogEntry, ...]:
        return ENTRIES


@pytest.mark.parametrize("size", SIZES)
async def test_no_model(size: tuple[int, int]) -> None:
    async def memory() -> MemoryState:
        return MemoryState("unified", 25 * GIB, 25 * GIB, "Metal's own limit on this Mac", Placement.UNIFIED)

    async def chip() -> Chip:
        return M1_MAX

    async with chat_app(FakeHost(), size, wait=False, catalog=Shipped(), memory=memory, chip=chip) as stand:
        await shows(stand.pilot, "tok/s")

        check_golden(name("no-model", size), drawn(stand.app))


@pytest.mark.parametrize("size", SIZES)
async def test_local_beside_cloud(size: tuple[int, int]) -> None:
    groq = Place(PlaceKind.PROVIDER, "Groq")
    model = "meta-llama/llama-3.2-3b-instruct"
    provider = FakeCloud(priced_model(model, hugging_face_id="meta-llama/Llama-3.2-3B-Instruct"))
    made = FakeHost(installed_model("llama3.2:3b", 2_019_393_189, parameter_size="3.2B", family="llama"))
    async with chat_app(made, size, profile=DECLARED, cloud=provider) as stand:
        assert stand.hub.cloud_watch is not None
        await stand.hub.cloud_watch.look()
        stand.session.add_lane(LaneSetup("openrouter", model))
        await until(stand.pilot, lambda: len(stand.chat.board.transcripts) == 2, "two lanes")
        stand.host.will_say("llama3.2:3b", TextDelta("Merge sort splits the list.", 412), DONE)
        provider.will_say(
            model,
            Accepted("gen-1"),
            Served(groq, model, "Groq"),
            TextDelta("Merge sort is a *divide-and-conquer* way.", 398),
            Finished("stop", Usage(1190, 398, source="provider"), bill=bill("0.000310")),
        )
        await stand.say("Explain merge sort.")
        await stand.done()
        await shows(stand.pilot, "$4.12 left")

        check_golden(name("local-and-cloud", size), drawn(stand.app))
