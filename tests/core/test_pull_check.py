"""A pull is judged before it is queued: what is refused, what warns, what goes on, and for how long anybody waits."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from llmhub.core.catalog import CatalogEntry, CatalogError, Variant
from llmhub.core.hub import Hub
from llmhub.core.memory import MemoryState, Placement
from llmhub.core.models import LoadedModel
from llmhub.core.pull_check import PullCheck, PullRefusal, PullWarning, Surroundings, check_of
from llmhub.core.pulling import AskState, look_up
from llmhub.core.sizing.disk import ModelsFolder
from llmhub.core.sizing.need import Need
from llmhub.core.sizing.verdicts import Holder, VerdictKind
from llmhub.formats import pulling as words
from support.fake_catalog import FakeCatalog, entry_of, no_such
from support.fake_host import FakeHost, installed_model
from support.hubs import hub_of

GIB = 1024**3
LARGE = 42_520_395_616
"""Of a 70B in Q4_K_M, as the registry lists it."""


def memory(capacity: int, free: int | None = None, **changes: object) -> MemoryState:
    state = MemoryState("unified", capacity, capacity if free is None else free, "a 32 GB Mac", Placement.UNIFIED)
    return replace(state, **changes)  # type: ignore[arg-type]


def around(capacity: int = 25 * GIB, free: int | None = None, **changes: object) -> Surroundings:
    return replace(Surroundings(memory(capacity, free)), **changes)  # type: ignore[arg-type]


def large(name: str = "llama3.1:70b") -> CatalogEntry:
    return entry_of(name, LARGE, layers=80, width=8192)


def small(name: str = "llama3.1:8b", size: int = 4_920_734_272) -> CatalogEntry:
    return entry_of(name, size)


def needed(check: PullCheck) -> Need:
    assert check.verdict is not None
    assert check.verdict.need is not None
    return check.verdict.need


# -- the memory -----------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused_with_the_arithmetic_and_a_smaller_one_that_fits() -> None:
    offers = (
        Variant("llama3.1:70b", "Q4_K_M", LARGE),
        Variant("llama3.1:70b-q3_K_M", "Q3_K_M", 34_267_498_272),
        Variant("llama3.1:70b-q2_K", "Q2_K", 20 * GIB),
        Variant("llama3.1:70b-iq1_S", "IQ1_S", 14 * GIB),
    )

    check = check_of("llama3.1:70b", large(), around(), variants=offers)

    need = needed(check)
    assert check.refusals == (PullRefusal.MEMORY,)
    error = words.refusal(check)
    assert error.happened == "It does not fit into the memory"
    total, weights, kv = (f"{n / GIB:.1f}" for n in (need.total_bytes, need.weights_bytes, need.kv_bytes))
    about = "~" if need.estimated else ""
    assert f"llama3.1:70b: needs {about}{total} GiB = weights {weights} + KV cache {kv} + compute" in error.subject
    assert f"there are 25.0 GiB (a 32 GB Mac): {(need.total_bytes - 25 * GIB) / GIB:.1f} GiB too much" in error.subject
    assert error.remedy == "take llama3.1:70b-q2_K, 20.0 GiB: it fits"


def test_where_nobody_offers_a_smaller_one_the_mixes_tell_which_would_fit() -> None:
    check = check_of("llama3.1:70b", large(), around(38 * GIB), variants=())

    assert check.refusals == (PullRefusal.MEMORY,)
    assert check.smaller is not None
    assert check.smaller.name is None
    assert words.refusal(check).remedy.startswith(f"a {check.smaller.quantization} of it, about ")


def test_without_any_smaller_one_that_fits_another_model_is_the_way() -> None:
    check = check_of("llama3.1:70b", large(), around(4 * GIB), variants=())

    assert words.refusal(check).remedy == "no usual quantization of it fits here: take a smaller model"


def test_a_model_that_fits_at_a_smaller_context_warns_and_says_up_to_where() -> None:
    check = check_of("llama3.1:8b", small(), around(8 * GIB, default_context=65_536))

    assert check.verdict is not None
    assert check.verdict.kind is VerdictKind.DOES_NOT_FIT
    assert (check.refusals, check.warnings) == ((), (PullWarning.SMALLER_CONTEXT,))
    assert check.smaller_context is not None
    at_that = check_of("llama3.1:8b", small(), around(8 * GIB, default_context=check.smaller_context))
    assert at_that.warnings == ()
    told = words.warning(check)
    assert told == f"≈ fits with a context of up to {check.smaller_context:,} tokens, not with 65,536"
    assert words.short_warning(check) == f"≈ up to {check.smaller_context:,}"


@pytest.mark.parametrize(("largest", "refused"), [(2047, True), (2048, False), (0, True), (None, True)])
def test_a_context_below_two_thousand_tokens_is_no_fit(largest: int | None, refused: bool) -> None:
    check = check_of("llama3.1:70b", large(), around())
    assert check.report is not None

    check = replace(check, report=replace(check.report, largest_context=largest))

    assert (check.refusals == (PullRefusal.MEMORY,)) is refused


@pytest.mark.parametrize(
    ("spare", "free", "kind", "warned"),
    [
        (2 * GIB, None, VerdictKind.FITS, ()),
        (2 * GIB, 0, VerdictKind.FITS_IF_FREED, (PullWarning.TO_FREE,)),
        (GIB // 2, None, VerdictKind.TIGHT, (PullWarning.TIGHT,)),
    ],
)
def test_what_fits_somehow_goes_on(
    spare: int, free: int | None, kind: VerdictKind, warned: tuple[PullWarning, ...]
) -> None:
    total = needed(check_of("llama3.1:8b", small(), around())).total_bytes

    check = check_of("llama3.1:8b", small(), around(total + spare, free))

    assert check.verdict is not None
    assert check.verdict.kind is kind
    assert (check.refusals, check.warnings) == ((), warned)
    assert bool(words.warning(check)) is bool(warned)


def test_partly_on_the_cpu_warns() -> None:
    card = memory(8 * GIB, placement=Placement.CARD, host_free_bytes=64 * GIB)

    check = check_of("llama3.1:70b", large(), Surroundings(card))

    assert (check.refusals, check.warnings) == ((), (PullWarning.PARTIAL,))
    assert "the rest would run on the CPU, much slower" in words.warning(check)
    assert words.short_warning(check) == "◧ part CPU"


def test_what_would_load_once_something_is_unloaded_says_what() -> None:
    total = needed(check_of("llama3.1:70b", large(), around())).total_bytes
    card = memory(24 * GIB, 4 * GIB, placement=Placement.CARD, host_free_bytes=total - 16 * GIB)

    check = check_of("llama3.1:70b", large(), Surroundings(card, (Holder("qwen3:32b", 20 * GIB),)))

    assert check.refusals == (PullRefusal.MEMORY,)
    assert words.refusal(check).remedy == "unload qwen3:32b (20.0 GiB): then it loads, partly on the CPU"


def test_what_it_holds_already_is_its_own_and_the_others_are_named() -> None:
    total = needed(check_of("llama3.1:8b", small(), around())).total_bytes
    holders = (Holder("llama3.1:8b", 5 * GIB), Holder("gemma3:4b", 3 * GIB))

    check = check_of("llama3.1:8b", small(), around(total + 2 * GIB, total - 4 * GIB, holders=holders))
    fresh = check_of("llama3.1:8b", small(), around(total + 2 * GIB, total - GIB, holders=holders[1:]))

    assert check.verdict is not None
    assert check.verdict.kind is VerdictKind.FITS
    assert words.short_warning(fresh) == "↻ unload 1"
    assert "gemma3:4b holds 3.0" in words.warning(fresh)


@pytest.mark.parametrize("seen", [None, memory(25 * GIB)])
def test_what_is_not_known_warns_and_goes_on(seen: MemoryState | None) -> None:
    looked_up = check_of("llama3.1:8b", small(), Surroundings(None))
    gated = CatalogError("This repository is gated: its owner grants access one by one", "x", "ask for access")
    private = check_of("hf.co/me/private:Q4_K_M", None, Surroundings(seen), problem=gated)

    for check in (looked_up, private):
        assert (check.refusals, check.warnings) == ((), (PullWarning.UNKNOWN,))
    assert words.warning(private) == "? unknown: this repository is gated: its owner grants access one by one"
    assert words.warning(looked_up) == "? unknown: the memory of the machine it would run on is not known"


def test_a_cloud_model_takes_nothing_here() -> None:
    check = check_of("gpt-oss:120b-cloud", CatalogEntry("gpt-oss:120b-cloud", "its name", is_remote=True), around(GIB))

    assert (check.refusals, check.warnings, check.verdict) == ((), (), None)
    assert words.verdict_line(check) == "it runs in Ollama's cloud: nothing is fetched, no memory is taken here"


# -- the disk -------------------------------------------------------------------------------------


def test_a_disk_too_small_is_refused_and_says_how_much_is_missing() -> None:
    size = 4 * GIB
    folder = ModelsFolder("/models", "yours", free_bytes=2 * GIB, present=frozenset())

    check = check_of("llama3.1:8b", small(size=size), around(folder=folder))

    assert check.refusals == (PullRefusal.DISK,)
    error = words.refusal(check)
    assert error.happened == "It does not fit onto the disk"
    assert error.subject == (
        "llama3.1:8b: 4.0 GiB to fetch, 1.0 to keep free, 2.0 GiB of the disk are free: 3.0 GiB too few"
    )
    assert error.remedy == "make room for 3.0 GiB: delete models that are no longer needed"


def test_layers_that_are_there_need_no_room() -> None:
    entry = small(size=4 * GIB)
    assert entry.manifest is not None
    there = frozenset(layer.digest for layer in entry.manifest.layers)

    check = check_of("llama3.1:8b", entry, around(folder=ModelsFolder("/models", "yours", 1, there)))

    assert check.refusals == ()
    assert words.verdict_line(check).startswith("0 B to fetch, 4.0 GiB are there · ✓ fits")


def test_neither_memory_nor_disk_is_told_at_once() -> None:
    folder = ModelsFolder("/models", "yours", free_bytes=2 * GIB, present=frozenset())

    error = words.refusal(check_of("llama3.1:70b", large(), around(folder=folder), variants=()))

    assert error.happened == "It fits neither into the memory nor onto the disk"
    assert "GiB too much; 39.6 GiB to fetch" in error.subject


def test_the_disk_of_another_machine_is_not_judged() -> None:
    assert check_of("llama3.1:8b", small(), around(folder=None)).disk is None


def test_an_update_of_what_is_installed_only_warns() -> None:
    folder = ModelsFolder("/models", "yours", free_bytes=0, present=frozenset())
    there = frozenset({"registry.ollama.ai/library/llama3.1:70b"})

    check = check_of("llama3.1:70b", large(), around(folder=folder, installed=there))

    assert check.is_update
    assert (check.refusals, check.warnings) == ((), (PullWarning.TOO_LARGE, PullWarning.DISK))
    assert "the disk is 40.6 GiB too small" in words.warning(check)


def test_who_insists_is_not_refused_but_told() -> None:
    check = replace(check_of("llama3.1:70b", large(), around()), forced=True)

    assert (check.refusals, check.found) == ((), (PullRefusal.MEMORY,))
    assert words.warning(check).startswith("✗ does not fit: needs")


# -- the look-up ----------------------------------------------------------------------------------


async def here() -> Surroundings:
    return around()


async def test_a_look_up_that_takes_too_long_is_unknown_and_goes_on() -> None:
    catalog = FakeCatalog(large())
    catalog.gates["llama3.1:70b"] = asyncio.Event()

    check = await look_up("llama3.1:70b", catalog, here, limit_s=0)

    assert (check.refusals, check.warnings) == ((), (PullWarning.UNKNOWN,))
    assert words.warning(check) == "? unknown: it could not be looked up in time"


async def test_a_machine_that_does_not_answer_in_time_is_unknown_too() -> None:
    never = asyncio.Event()

    async def slow() -> Surroundings:
        await never.wait()
        return around()

    check = await look_up("llama3.1:70b", FakeCatalog(large()), slow, limit_s=0.01)

    assert check.warnings == (PullWarning.UNKNOWN,)


async def test_names_of_smaller_ones_that_come_too_late_are_guessed() -> None:
    catalog = FakeCatalog(large())
    catalog.gates["variants of llama3.1:70b"] = asyncio.Event()

    check = await look_up("llama3.1:70b", catalog, lambda: _around(38), variants_s=0)

    assert check.smaller is not None
    assert check.smaller.name is None


async def _around(capacity_gib: int) -> Surroundings:
    return around(capacity_gib * GIB)


async def test_a_tag_that_there_is_not_is_refused_with_the_registrys_words() -> None:
    catalog = FakeCatalog()
    catalog.errors["llama3.1:71b"] = no_such("llama3.1:71b")

    check = await look_up("llama3.1:71b", catalog, here)

    assert check.refusals == (PullRefusal.NAME,)
    assert words.refusal(check) is catalog.errors["llama3.1:71b"]


HOSTILE = "evil\x1b]0;x\x07\x1b[31m\nname\u202e" + "x" * 400


async def test_a_hostile_name_is_told_on_one_line_without_what_a_terminal_obeys() -> None:
    check = check_of(HOSTILE, large(HOSTILE), around(), variants=(Variant(HOSTILE, "Q2_K\x1b[2J", GIB),))

    error = words.refusal(check)

    for text in (error.subject, error.remedy, words.warning(check)):
        assert text.isprintable(), text
    assert len(error.subject) < 300


# -- the question of a screen ---------------------------------------------------------------------


class Clock:
    """Monotonic seconds that move when a test says so."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def hub_with(catalog: FakeCatalog | None, *models: str, clock: Clock | None = None, **changes: object) -> Hub:
    host = FakeHost(*(installed_model(name) for name in models))
    return hub_of(host, catalog=catalog, clock=clock or Clock(), **changes)


async def settled(hub: Hub) -> None:
    """Until nothing is being looked up."""
    async with asyncio.timeout(10):
        while any(ask.state is AskState.LOOKING for ask in hub.pulling.asks):
            await asyncio.sleep(0)


def queued(hub: Hub) -> list[str]:
    return [pull.name for pull in hub.pulls.pulls]


async def test_what_fits_is_queued_with_its_verdict() -> None:
    hub = hub_with(FakeCatalog(small("a:1")))
    told: list[str] = []

    hub.ask_pull(" a:1 ", "models", queued=lambda pull: told.append(pull.name))
    assert [ask.state for ask in hub.pulling.asks] == [AskState.LOOKING]
    assert queued(hub) == []
    await settled(hub)

    pull = hub.pulls.pull("a:1")
    assert pull is not None
    assert pull.check is not None
    assert pull.check.verdict is not None
    assert (told, hub.pulling.asks) == (["a:1"], ())
    await hub.stop()


async def test_nothing_is_queued_on_a_refusal_until_it_is_asked_for_the_same_way_again() -> None:
    clock = Clock()
    hub = hub_with(FakeCatalog(large("a:1")), clock=clock)

    hub.ask_pull("a:1", "models")
    await settled(hub)
    assert [ask.state for ask in hub.pulling.asks] == [AskState.REFUSED]
    hub.ask_pull("a:1", "models")  # the second half of a double press
    assert queued(hub) == []
    clock.at += 1
    hub.ask_pull("a:1", "models")

    assert queued(hub) == ["a:1"]
    assert hub.pulling.asks == ()
    pull = hub.pulls.pull("a:1")
    assert pull is not None
    assert pull.check is not None
    assert pull.check.forced
    await hub.stop()


async def test_another_way_asks_anew_and_does_not_override() -> None:
    clock, catalog = Clock(), FakeCatalog(large("a:1"))
    hub = hub_with(catalog, clock=clock)
    hub.ask_pull("a:1", "models")
    await settled(hub)
    clock.at += 60

    hub.ask_pull("a:1", "picker")
    await settled(hub)

    assert queued(hub) == []
    assert [(ask.origin, ask.state) for ask in hub.pulling.asks] == [("picker", AskState.REFUSED)]
    assert len(catalog.asked) == 4  # each time the size first, then the rest
    await hub.stop()


async def test_a_question_that_is_left_is_gone_also_while_it_is_looked_up() -> None:
    catalog = FakeCatalog(small("a:1"))
    catalog.gates["a:1"] = asyncio.Event()
    hub = hub_with(catalog)
    hub.ask_pull("a:1")
    await asyncio.sleep(0)

    hub.pulling.leave("a:1")
    for _ in range(20):
        await asyncio.sleep(0)

    assert (hub.pulling.asks, queued(hub)) == ((), [])
    assert catalog.given_up == ["a:1"]
    await hub.stop()


async def test_pulls_of_the_queue_go_on_unasked() -> None:
    catalog = FakeCatalog(large("a:1"))
    hub = hub_with(catalog)
    hub.pulls.restore(["a:1"])

    hub.ask_pull("a:1")
    assert [pull.name for pull in hub.pulls.pulls if pull.state == "pulling"] == ["a:1"]
    hub.pulls.pause("a:1")
    hub.pulls.resume("a:1")

    assert (catalog.asked, hub.pulling.asks) == ([], ())
    await hub.stop()


async def test_offline_the_daemons_refusal_is_told_as_ever() -> None:
    catalog = FakeCatalog(large("a:1"))
    hub = hub_with(catalog)
    hub.services.switch.offline = True

    hub.ask_pull("a:1")

    assert (catalog.asked, queued(hub)) == ([], ["a:1"])
    await hub.stop()


async def test_where_nothing_is_looked_up_a_pull_is_queued_at_once() -> None:
    hub = hub_with(None)

    hub.ask_pull("a:1")

    assert queued(hub) == ["a:1"]
    await hub.stop()


async def test_a_mistake_of_ours_keeps_nobody_from_pulling() -> None:
    catalog = FakeCatalog()
    catalog.breaks = ZeroDivisionError("ours")
    hub = hub_with(catalog)

    hub.ask_pull("a:1")
    await settled(hub)

    pull = hub.pulls.pull("a:1")
    assert pull is not None
    assert pull.check is not None
    assert pull.check.warnings == (PullWarning.UNKNOWN,)
    await hub.stop()


async def test_the_hub_judges_by_what_is_loaded_and_the_disk_of_the_models() -> None:
    async def folder() -> ModelsFolder:
        return ModelsFolder("/models", "yours", free_bytes=GIB, present=frozenset())

    async def there() -> MemoryState:
        return memory(25 * GIB, 5 * GIB)

    hub = hub_with(FakeCatalog(small("a:1")), "b:1", models_folder=folder, memory=there)
    host = hub.services.host
    assert isinstance(host, FakeHost)
    host.residents = [LoadedModel("b:1", 18 * GIB, 18 * GIB)]
    await hub.watch.look()

    hub.ask_pull("a:1")
    await settled(hub)

    (ask,) = hub.pulling.asks
    assert ask.check is not None
    assert ask.check.refusals == (PullRefusal.DISK,)
    assert ask.check.verdict is not None
    assert [holder.name for holder in ask.check.verdict.to_unload] == ["b:1"]
    await hub.stop()


def test_adapters_and_a_draft_model_of_the_package_count_before_a_pull() -> None:
    plain = small("llama3.1:8b")
    packed = replace(plain, adapter_bytes=2 * GIB, draft_bytes=GIB)

    needs = [check_of("llama3.1:8b", entry, around()).report for entry in (plain, packed)]

    assert needs[0] is not None
    assert needs[1] is not None
    assert needs[0].need is not None
    assert needs[1].need is not None
    assert needs[1].need.total_bytes == needs[0].need.total_bytes + 3 * GIB
