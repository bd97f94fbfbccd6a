"""A pull that does not fit, on the screens: told with the arithmetic, and pulled only after a second key."""

from __future__ import annotations

import asyncio

from textual.widgets import OptionList

from llmhub.core.catalog import Variant
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.models import PullEvent
from llmhub.core.names import name_key
from llmhub.core.pulling import AskState
from llmhub.ui.widgets.model_picker import ModelPicker
from llmhub.ui.widgets.pull_line import PullLine
from llmhub.ui.widgets.pull_question import OfferLine, PullQuestion
from support.fake_catalog import FakeCatalog, no_such
from support.fake_host import GIB, FakeHost, failure, installed_model
from support.models_mode import Stand, models_mode
from support.screens import drawn, shows

LARGE = "llama3.3:70b"


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def catalogue() -> FakeCatalog:
    made = FakeCatalog()
    made.know_large(LARGE)
    made.know("llama3.1:8b", 4_920_734_272)
    made.offers[name_key(LARGE)] = (Variant("llama3.3:70b-q2_K", "Q2_K", 15 * GIB),)
    made.know("llama3.3:70b-q2_K", 15 * GIB, layers=80, width=8192)
    return made


async def ask(stand: Stand, name: str) -> None:
    await stand.press("p")
    await stand.type(name)
    await stand.press("enter")


def question(stand: Stand) -> PullQuestion:
    return stand.screen.query_one(PullQuestion)


async def refused(stand: Stand, clock: Clock) -> None:
    """Until the refusal stands, and has stood long enough to be read."""
    await stand.until(lambda: any(one.state is AskState.REFUSED for one in stand.hub.pulling.asks), "the refusal")
    clock.at += 1


def pulls(stand: Stand) -> list[str]:
    return [name for method, name in stand.host.calls if method == "pull"]


async def test_what_does_not_fit_is_not_pulled_until_enter_says_so_again() -> None:
    clock = Clock()
    async with models_mode(catalog=catalogue(), clock=clock) as stand:
        await ask(stand, LARGE)
        await refused(stand, clock)
        screen = " ".join(drawn(stand.app).split())
        assert "✗ It does not fit into the memory · llama3.3:70b: needs " in screen
        assert "weights 39.6 + KV cache 2.5 + compute" in screen
        assert "GiB too much take llama3.3:70b-q2_K, 15.0 GiB: it fits" in screen
        assert "enter or p pulls it anyway s pulls that one esc leaves it" in screen
        assert (stand.hub.pulls.pulls, pulls(stand)) == ((), [])

        gate = asyncio.Event()
        stand.host.will_pull(LARGE, PullEvent("pulling manifest"), gate, PullEvent("success"))
        await stand.press("enter")
        await stand.until(lambda: pulls(stand) == [LARGE])

        await shows(stand.pilot, "✗ does not fit: needs")
        assert stand.screen.query_one(PullLine).size.height == 2
        assert not question(stand).display
        assert stand.app.focused is stand.table
        gate.set()
        await stand.until(lambda: LARGE in stand.names)


async def test_the_key_that_asked_answers_too_but_not_before_anybody_can_have_read() -> None:
    clock = Clock()
    async with models_mode(catalog=catalogue(), clock=clock) as stand:
        await ask(stand, LARGE)
        await stand.until(lambda: question(stand).is_refused)
        await stand.press("p")
        assert pulls(stand) == []

        clock.at += 1
        await stand.press("p")

        await stand.until(lambda: pulls(stand) == [LARGE])


async def test_escape_leaves_it_and_s_takes_the_smaller_one() -> None:
    clock = Clock()
    async with models_mode(catalog=catalogue(), clock=clock) as stand:
        await ask(stand, LARGE)
        await refused(stand, clock)
        await stand.press("escape")
        assert (stand.hub.pulling.asks, stand.app.focused) == ((), stand.table)

        await ask(stand, LARGE)
        await refused(stand, clock)
        await stand.press("s")

        await stand.until(lambda: pulls(stand) == ["llama3.3:70b-q2_K"])


async def test_the_answers_can_be_clicked() -> None:
    clock = Clock()
    async with models_mode(catalog=catalogue(), clock=clock) as stand:
        await ask(stand, LARGE)
        await refused(stand, clock)
        row = next(line for line in drawn(stand.app).splitlines() if "esc leaves it" in line)

        await stand.pilot.click(OfferLine, offset=(row.index("esc leaves") - 1, 0))

        await stand.until(lambda: stand.hub.pulling.asks == ())


async def test_while_it_is_looked_up_the_line_says_so_and_enter_overrides_nothing() -> None:
    catalog = catalogue()
    catalog.gates["llama3.1:8b"] = asyncio.Event()
    async with models_mode(catalog=catalog) as stand:
        await ask(stand, "llama3.1:8b")
        await shows(stand.pilot, "? llama3.1:8b  looking up whether it fits")
        await stand.press("enter", "p")
        assert pulls(stand) == []

        catalog.gates["llama3.1:8b"].set()
        await stand.until(lambda: pulls(stand) == ["llama3.1:8b"])

        assert not question(stand).display
        assert stand.app.focused is stand.table


async def test_a_look_up_that_takes_too_long_goes_on_with_a_warning() -> None:
    catalog, gate = catalogue(), asyncio.Event()
    catalog.gates["llama3.1:8b"] = asyncio.Event()
    async with models_mode(catalog=catalog) as stand:
        stand.hub.pulling.limit_s = 0
        stand.host.will_pull("llama3.1:8b", PullEvent("pulling manifest"), gate, PullEvent("success"))
        await ask(stand, "llama3.1:8b")

        await shows(stand.pilot, "? unknown: it could not be looked up in time")

        assert pulls(stand) == ["llama3.1:8b"]
        gate.set()


async def test_what_fits_has_no_second_line_and_a_waiting_one_says_its_warning_in_short() -> None:
    async def close() -> MemoryState:
        return MemoryState("unified", 8 * GIB, 0, "a test", Placement.UNIFIED)

    async with models_mode(catalog=catalogue(), memory=close) as stand:
        gate = asyncio.Event()
        stand.host.will_pull("x:1", PullEvent("pulling manifest"), gate, PullEvent("success"))
        stand.hub.pulls.add("x:1")
        await ask(stand, "llama3.1:8b")

        await shows(stand.pilot, "waiting, next  ↻ ")

        assert [line.size.height for line in stand.screen.query(PullLine)] == [1, 1]
        gate.set()


async def test_a_tag_that_there_is_not_is_told_at_once_and_nothing_is_queued() -> None:
    catalog, clock = catalogue(), Clock()
    catalog.errors["qwen3:9b"] = no_such("qwen3:9b")
    async with models_mode(catalog=catalog, clock=clock) as stand:
        await ask(stand, "qwen3:9b")
        await refused(stand, clock)

        screen = " ".join(drawn(stand.app).split())
        assert "✗ There is no such model or tag · qwen3:9b its page lists its tags" in screen
        assert "enter or p asks Ollama anyway" in screen
        assert pulls(stand) == []


async def test_a_hostile_name_moves_nothing_on_the_screen() -> None:
    catalog, clock = catalogue(), Clock()
    name = "evil[bold]\x1b]0;x\x07name"
    catalog.know(name, 60 * GIB, layers=80, width=8192)
    async with models_mode(catalog=catalog, clock=clock) as stand:
        question(stand).ask(name, "models")
        await refused(stand, clock)
        await stand.pilot.pause()

        screen = " ".join(drawn(stand.app).split())
        assert "evil[bold]name: needs " in screen
        assert "\x1b" not in screen


async def test_the_question_takes_no_focus_that_is_elsewhere() -> None:
    catalog, clock = catalogue(), Clock()
    catalog.gates[LARGE] = asyncio.Event()
    async with models_mode(catalog=catalog, clock=clock) as stand:
        await ask(stand, LARGE)
        await stand.press("tab")
        elsewhere = stand.app.focused
        assert elsewhere is not question(stand)
        catalog.gates[LARGE].set()
        await refused(stand, clock)

        assert stand.app.focused is elsewhere
        assert "tab comes here: " in drawn(stand.app)


async def pick(stand: Stand, name: str) -> None:
    """Choose `name` in the picker."""
    stand.app.push_screen(ModelPicker(stand.hub))
    await stand.until(lambda: isinstance(stand.app.screen, ModelPicker))
    await stand.until(lambda: stand.app.screen.query_one(OptionList).option_count)
    await stand.type(name)
    await stand.press("enter")


async def test_the_picker_takes_the_same_way_and_choosing_it_again_pulls() -> None:
    clock = Clock()
    async with models_mode(catalog=catalogue(), clock=clock) as stand:
        await pick(stand, LARGE)
        await refused(stand, clock)
        assert "It does not fit into the memory" in drawn(stand.app)
        assert pulls(stand) == []

        await pick(stand, LARGE)

        await stand.until(lambda: pulls(stand) == [LARGE])
        (told,) = [notice.message for notice in stand.app._notifications]
        assert told.startswith(f"{LARGE} is being pulled: F3 shows how far it is. ✗ does not fit: needs ")


async def test_a_pull_that_failed_goes_on_unasked() -> None:
    catalog = catalogue()
    async with models_mode(FakeHost(installed_model("a:1")), catalog=catalog) as stand:
        stand.host.will_pull(LARGE, failure(subject=LARGE))
        stand.hub.pulls.add(LARGE)
        await stand.until(lambda: stand.strip.error is not None)

        await ask(stand, LARGE)
        await stand.until(lambda: LARGE in stand.names)

        assert catalog.asked == []
