"""The models that are offered where there is none: sized, never one that does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmhub.catalog.shipped import ShippedCatalogue
from llmhub.core.catalog import CatalogEntry
from llmhub.core.first_models import FIRST_MODELS, FirstModels
from llmhub.core.memory import GIB, MemoryState, Placement, planned_bytes
from llmhub.core.sizing.imagined import imagined
from llmhub.core.sizing.verdicts import VerdictKind
from llmhub.machine.chips import find_chip
from llmhub.ui.chat.first_picks import pick_rows, room_words, trades

SHIPPED = ShippedCatalogue()
FIRST = FirstModels(SHIPPED.entries)
MAC = MemoryState("unified", 26_800_600_000, 26_800_600_000, "Metal's own limit on this Mac", Placement.UNIFIED)
M1_MAX = find_chip("M1 Max")


def names(*args: object) -> list[tuple[str, str]]:
    return [(pick.role, pick.model.name) for pick in FIRST.picks(*args)]  # type: ignore[arg-type]


def test_a_32_gb_mac_is_offered_a_fast_a_balanced_and_the_largest_one() -> None:
    assert names(MAC, M1_MAX, 8192) == [
        ("fast", "llama3.2:3b"),
        ("balanced", "gpt-oss:20b"),
        ("largest", "qwen3:32b"),
    ]


@pytest.mark.parametrize("gib", [2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 512])
@pytest.mark.parametrize("chip", [None, M1_MAX, find_chip("M4 Pro")], ids=["cpu", "m1-max", "m4-pro"])
def test_on_no_machine_one_is_offered_as_fitting_that_does_not(gib: int, chip: object) -> None:
    memory = MemoryState("RAM", planned_bytes(gib * GIB), planned_bytes(gib * GIB), "a test")

    picks = FIRST.picks(memory, chip, 8192)  # type: ignore[arg-type]

    assert 1 <= len(picks) <= 3
    assert len({pick.model.name for pick in picks}) == len(picks)
    for pick in picks:
        assert pick.report is not None
        fits = pick.report.verdict.kind in {VerdictKind.FITS, VerdictKind.FITS_IF_FREED}
        assert pick.likely_fits is fits
        assert fits or (pick.role == "smallest" and len(picks) == 1)
    needs = [pick.report.need.total_bytes for pick in picks if pick.report and pick.report.need]
    assert needs == sorted(needs), "fast, balanced, largest"


def test_a_card_counts_by_its_own_memory() -> None:
    card = find_chip("rtx 4090")

    assert names(imagined(None, card, None), card, 8192)[-1] == ("largest", "qwen3:32b")


def test_unknown_memory_promises_nothing_and_still_tells_the_need() -> None:
    picks = FIRST.picks(None, None, 8192)

    assert [pick.role for pick in picks] == ["fast", "balanced"]
    assert {pick.likely_fits for pick in picks} == {None}
    assert all(pick.report is not None and pick.report.need is not None for pick in picks)
    assert all("? memory unknown" in row for row in pick_rows(picks))


def test_the_same_question_is_answered_once() -> None:
    asked = 0

    def shipped() -> tuple[CatalogEntry, ...]:
        nonlocal asked
        asked += 1
        return SHIPPED.entries()

    first = FirstModels(shipped)

    assert first.picks(MAC, M1_MAX, 8192) is first.picks(replace(MAC), M1_MAX, 8192)
    assert asked == 1
    first.picks(replace(MAC, free_bytes=GIB), M1_MAX, 8192)
    assert asked == 2


def test_without_a_catalogue_the_rule_of_thumb_says_that_it_is_one() -> None:
    picks = FirstModels(None).picks(MAC, M1_MAX, 8192)

    assert [pick.role for pick in picks] == ["fast", "balanced", "largest"]
    assert all(pick.report is None for pick in picks)
    assert "likely fits" in pick_rows(picks)[0]
    assert trades(picks) == ("By a rule of thumb from the size of the file: nothing here was sized.",)
    assert FirstModels(lambda: ()).picks(MAC, None, 8192) == picks


def test_the_rows_are_in_columns_and_say_what_is_an_estimate() -> None:
    assert pick_rows(FIRST.picks(MAC, M1_MAX, 8192)) == [
        "fast      llama3.2:3b    1.9 GiB  needs 2.9 GiB   ✓ fits  ~60 tok/s",
        "balanced  gpt-oss:20b   12.8 GiB  needs 13.2 GiB  ✓ fits  ~42 tok/s",
        "largest   qwen3:32b    ~18.4 GiB  needs 20.8 GiB  ✓ fits   ~9 tok/s",
    ]


def test_what_the_largest_trades_is_said() -> None:
    (line,) = trades(FIRST.picks(MAC, M1_MAX, 8192))

    assert line.startswith("The largest leaves 4.2 of 25.0 GiB for a longer context, and answers ~4.")
    assert line.endswith("x slower than gpt-oss:20b.")


def test_a_mac_is_called_one() -> None:
    assert room_words(MAC, M1_MAX) == "This Mac can give a model 25.0 GiB (Metal's own limit on this Mac)."
    assert room_words(MAC, None).startswith("This machine can give")


def test_every_model_of_the_list_has_a_name_of_its_own_and_words() -> None:
    assert len({model.name for model in FIRST_MODELS}) == len(FIRST_MODELS)
    assert all(model.words for model in FIRST_MODELS)
