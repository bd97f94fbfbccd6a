"""The Costs mode: every key, every state, driven by Pilot."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from llmhub.core.booked import Booked
from llmhub.core.costs.month import By, local_month, month_rows
from llmhub.core.costs.month_explained import explain_row
from llmhub.core.errors import ConfigError, StorageError
from llmhub.core.places import THIS_MACHINE
from llmhub.core.profile_keys import KEYS
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.turns import AvoidedFacts, BilledFacts, Turn, TurnStatus
from llmhub.ui.costs.profile_form import GROUPS, ProfileScreen, wrong_value
from llmhub.ui.costs.reading import PAGE, matches
from llmhub.ui.costs.words import STATUS
from llmhub.ui.palette import BindingCommands
from llmhub.ui.screens.costs import CostsScreen
from llmhub.ui.screens.forms import FactsScreen
from llmhub.ui.widgets.error_strip import ErrorStrip
from support.chat_mode import DECLARED, chat_app
from support.costs_mode import (
    NOVEMBER,
    CostsStand,
    cloud_turn,
    costs_mode,
    local_turn,
    ollama_cloud_turn,
    some_turns,
)
from support.fake_host import FakeHost, installed_model
from support.screens import shows, until

IN_NOVEMBER = ["t000007", "t000006", "t000005", "t000004", "t000003", "t000002"]


# -- the month ------------------------------------------------------------------------------------


async def test_turns_stand_newest_first_each_with_place_status_tokens_and_both_costs_or_its_bill() -> None:
    async with costs_mode(some_turns()) as stand:
        assert stand.ids == IN_NOVEMBER
        lines = stand.text.splitlines()
        newest = next(line for line in lines if "20 08:00" in line)
        billed = next(line for line in lines if "20 05:00" in line)
        waiting = next(line for line in lines if "20 07:00" in line)

        assert newest.split()[-6:] == ["1.2k", "412", "done", "47.2", "~$0.0000483", "~$0.000603"]
        assert "● " in newest
        assert "○ " in billed
        assert billed.split()[-2:] == ["$0.000310", "billed"]
        assert waiting.split()[-2:] == ["—", "pending"]
        assert "1 bill has not come yet." in stand.text


async def test_a_bill_in_the_cloud_stands_with_the_fee_and_the_comparison_with_its_range_and_the_sentence() -> None:
    told = AvoidedFacts(
        label="estimated",
        ratio_label="estimated",
        pico_usd=400_000_000,
        low_pico_usd=300_000_000,
        high_pico_usd=600_000_000,
    )
    turn = replace(local_turn(1), ref_model="qwen/qwen3-8b", avoided=told)
    async with costs_mode([turn, cloud_turn(2)]) as stand:
        view = stand.screen.view

        assert view is not None
        assert view.avoided_cash.amount == Decimal("0.0004") * (1 + view.cloud.fee_fraction)
        assert "the same in cloud (0.000300–0.000600)" in stand.text
        assert "~$0.000400" in stand.text
        assert "$0.000310 billed" in stand.text
        assert "Local saved ~$0.000384 on power; with the machine it cost ~$32.95 more." in stand.text


async def test_bills_that_our_arithmetic_does_not_give_are_told_with_the_model() -> None:
    off = BilledFacts({"cost": "0.000310"}, reconciled="stream", pico_usd=310_000_000, estimate_pico_usd=155_000_000)
    turns = [cloud_turn(number, billed=None) for number in range(1, 6)]
    turns = [replace(turn, billed=off, tokens=replace(turn.tokens, source="provider")) for turn in turns]
    async with costs_mode(turns) as stand:
        assert "openai/gpt-oss-120b billed 2.00 times what its prices give (5 bills)" in stand.text


async def test_what_ran_in_ollamas_cloud_is_counted_apart_and_never_as_local() -> None:
    async with costs_mode([local_turn(1), ollama_cloud_turn(2)]) as stand:
        rows = [row.name for row in stand.table("month").rows]

        assert rows == ["local", "avoided", "cloud", "ollama_cloud"]
        assert "billed by plan" in stand.text
        assert "● local    1.6k tok       1 turn" in stand.text


async def test_months_go_back_to_the_first_turn_and_forth_to_today_and_no_further() -> None:
    async with costs_mode(some_turns()) as stand:
        await stand.press("right")
        assert "◂ November 2026 ▸" in stand.text

        await stand.press("left")
        await stand.until_ids("t000001")
        assert "◂ October 2026 ▸" in stand.text
        assert "October 1–31 " in stand.text
        assert "~$49.42" in stand.text  # the whole month of the machine, no longer provisional

        await stand.press("left")
        assert "◂ October 2026 ▸" in stand.text
        await stand.press("right")
        await stand.until_ids(*IN_NOVEMBER)
        assert "November 1–20, provisional" in stand.text


async def test_the_arrows_and_the_profile_can_be_clicked() -> None:
    async with costs_mode(some_turns()) as stand:
        await stand.pilot.click("MonthHead", offset=(1, 0))
        await stand.until_ids("t000001")
        await stand.pilot.click("MonthHead", offset=(16, 0))
        await stand.until_ids(*IN_NOVEMBER)

        await stand.pilot.click("MonthHead", offset=(110, 0))

        await until(stand.pilot, lambda: isinstance(stand.app.screen, ProfileScreen), "the profile")


async def test_the_month_is_split_by_model_then_day_then_place() -> None:
    async with costs_mode(some_turns()) as stand:
        assert [row.model for row in stand.table("groups").rows] == ["qwen3:8b", "openai/gpt-oss-120b", "llama3.2:3b"]

        await stand.press("b")
        assert [row.day for row in stand.table("groups").rows][:2] == ["2026-11-20", "2026-11-20"]
        await stand.press("b")
        assert {row.place.words for row in stand.table("groups").rows} == {"this machine", "Groq"}
        await stand.press("b")
        assert "by model" in stand.text


async def test_tab_goes_from_block_to_block() -> None:
    async with costs_mode() as stand:
        seen = []
        for _ in range(3):
            seen.append(getattr(stand.app.focused, "id", None))
            await stand.press("tab")

        assert seen == ["turns", "month", "groups"]


async def test_a_turn_that_is_booked_meanwhile_comes_above_and_the_cursor_stays_on_its_turn() -> None:
    async with costs_mode(some_turns()) as stand:
        await stand.press("down", "down")
        assert stand.under == "t000005"

        stand.ledger.turns.append(local_turn(8))
        stand.hub.changed()
        await stand.until_ids("t000008", *IN_NOVEMBER)

        assert stand.under == "t000005"
        assert "8.1k tok" in stand.text


async def test_a_bill_that_comes_late_takes_the_place_of_the_dash() -> None:
    async with costs_mode(some_turns()) as stand:
        at = next(at for at, turn in enumerate(stand.ledger.turns) if turn.id == "t000006")
        bill = BilledFacts({"cost": "0.000420"}, reconciled="generation", pico_usd=420_000_000)
        stand.ledger.turns[at] = replace(stand.ledger.turns[at], billed=bill)
        stand.hub.changed()

        await shows(stand.pilot, "$0.000420")

        assert "pending" not in stand.text


# -- paging ---------------------------------------------------------------------------------------


def many(count: int) -> list[Turn]:
    return [local_turn(number, NOVEMBER - timedelta(minutes=count - number)) for number in range(1, count + 1)]


async def test_pages_are_read_as_they_are_scrolled_to_and_never_twice() -> None:
    async with costs_mode(many(450)) as stand:
        assert stand.ledger.pages == [(PAGE, 0)]
        assert len(stand.ids) == 200
        assert "turns, 200+" in stand.text

        await stand.press("end")
        await until(stand.pilot, lambda: len(stand.ids) == 400, "the second page")
        await stand.press("end")
        await until(stand.pilot, lambda: len(stand.ids) == 450, "the last page")
        await stand.press("end", "home", "end")

        assert stand.ledger.pages == [(PAGE, 0), (PAGE, 200), (PAGE, 400)]
        assert stand.ids == [f"t{number:06}" for number in range(450, 0, -1)]
        assert "turns, 450" in stand.text
        assert "turns, 450+" not in stand.text


async def test_turns_that_come_between_two_pages_are_neither_lost_nor_doubled() -> None:
    async with costs_mode(many(250)) as stand:
        stand.ledger.turns.append(local_turn(251))

        await stand.press("end")
        await until(stand.pilot, lambda: len(stand.ids) == 250, "the second page")
        stand.hub.changed()
        await until(stand.pilot, lambda: len(stand.ids) == 251, "the new turn")

        assert stand.ids == [f"t{number:06}" for number in range(251, 0, -1)]


# -- the filter -----------------------------------------------------------------------------------


async def test_the_filter_goes_by_model_status_and_place_and_esc_shows_all() -> None:
    async with costs_mode(some_turns()) as stand:
        await stand.filter("groq")
        await stand.until_ids("t000006", "t000004")
        assert "turns with “groq”, 2" in stand.text

        await stand.pilot.press(*" pending")
        await stand.until_ids("t000006")
        await stand.press("enter")
        assert stand.app.focused is stand.screen.turns
        await stand.press("escape")

        await stand.until_ids(*IN_NOVEMBER)
        assert not stand.screen.query_one("#filter").has_class("-asked")


async def test_letters_are_text_in_the_filter_and_nothing_found_names_the_way_back() -> None:
    async with costs_mode(some_turns()) as stand:
        await stand.filter("[/x")
        await stand.press("e", "b")
        await stand.until_ids()
        await shows(stand.pilot, "No turn has these words: esc shows all.")

        assert stand.screen.query_one("#filter", Input).value == "[/xeb"
        assert "turns with “[/xeb”, 0" in stand.text


def test_a_query_is_words_that_all_stand_somewhere_in_a_turn() -> None:
    turn = some_turns()[4]

    found = {query: matches(turn, query) for query in ("QWEN failed", "local memory", "qwen done", "this machine", "x")}

    assert found == {
        "QWEN failed": True,
        "local memory": True,
        "qwen done": False,
        "this machine": True,
        "x": False,
    }


def test_every_status_has_words_for_its_column() -> None:
    assert set(STATUS) == set(TurnStatus)


# -- explanations ---------------------------------------------------------------------------------


async def explained(stand: CostsStand, table: str, *keys: str) -> str:
    """The lines that Enter tells."""
    stand.table(table).focus()
    await stand.press(*keys, "enter")
    await until(stand.pilot, lambda: isinstance(stand.app.screen, FactsScreen), "facts")
    screen = stand.app.screen
    return "\n".join(str(line.render()) for line in screen.query("VerticalScroll Static").results(Static))


async def test_enter_on_a_line_of_the_month_tells_how_its_figures_came_about() -> None:
    async with costs_mode(some_turns()) as stand:
        told = await explained(stand, "month")

        assert "this month, power: energy in kWh × electricity price" in told
        assert "~$0.000193 = 2,044.392 J (declared) ÷ 3,600,000 × $0.34/kWh (declared)" in told
        assert "this month, with the machine" in told

        await stand.press("escape")
        told = await explained(stand, "month", "down", "down")
        assert "$0.000310 pending = $0.00031" in told
        assert "1 bills have not come yet" in told


async def test_enter_on_a_model_and_on_a_turn_explains_them() -> None:
    async with costs_mode(some_turns()) as stand:
        told = await explained(stand, "groups")
        assert "qwen3:8b, power" in told
        assert "qwen3:8b, with the machine" in told

        await stand.press("escape")
        told = await explained(stand, "turns", "down", "down", "down")
        assert "as it was told" in told
        assert "0.000310" in told
        assert "esc back" in stand.text


def test_the_arithmetic_of_every_row_gives_its_figure_again() -> None:
    from support.fake_ledger import FakeLedger

    ledger = FakeLedger()
    ledger.turns.extend(some_turns())
    book = ProfileBook((DECLARED,))
    view = local_month(ledger.totals, book, NOVEMBER.date())
    checked = 0
    splits: tuple[By, ...] = ("model", "day", "place")
    for by in splits:
        for row in month_rows(ledger.totals, book, view, (by,)):
            for told in explain_row(ledger.totals, book, view, row):
                if told.figure.amount is not None:
                    again = told.evaluate()
                    assert again is not None
                    assert abs(again - told.figure.amount) <= Decimal("1e-9"), told.title
                    checked += 1

    assert checked >= 12


# -- export ---------------------------------------------------------------------------------------


async def test_what_is_shown_is_exported_with_bills_as_they_were_told(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    verbatim = BilledFacts({"cost": "0.00031000000000000001"}, reconciled="stream", pico_usd=310_000_000)
    turns = [*some_turns(), replace(cloud_turn(8), billed=verbatim)]
    async with costs_mode(turns, exports=folder) as stand:
        await stand.filter("groq")
        await stand.press("enter")
        await stand.until_ids("t000008", "t000006", "t000004")
        await stand.press("x")
        await shows(stand.pilot, "3 turns in")

        (table,), (lines,) = list(folder.glob("*.csv")), list(folder.glob("*.jsonl"))
        rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
        facts = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]

        assert [row["id"] for row in rows] == [fact["id"] for fact in facts] == ["t000008", "t000006", "t000004"]
        assert [row["billed_as_told"] for row in rows] == ["0.00031000000000000001", "", "0.000310"]
        assert facts[0]["billed"]["raw"]["cost"] == "0.00031000000000000001"
        assert facts[2]["derived"]["cloud_usd"]["amount"] == "0.000310000000"
        assert table.name == "turns-2026-11-some-20261120-090000.csv"
        assert not list(folder.glob(".*"))
        assert table.stat().st_mode & 0o777 == 0o600


async def test_an_export_holds_all_turns_of_the_month_not_only_the_pages_that_were_read(tmp_path: Path) -> None:
    async with costs_mode(many(450), exports=tmp_path) as stand:
        await stand.press("x")
        await shows(stand.pilot, "450 turns in")

        (table,) = tmp_path.glob("*.csv")
        rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
        assert len(rows) == 450
        assert rows[0]["power_usd"].startswith("0.0000482")
        assert stand.ledger.pages == [(PAGE, 0)]


async def test_an_export_that_fails_is_told_in_three_parts_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with costs_mode(some_turns(), exports=tmp_path / "file") as stand:
        await stand.press("x")
        await shows(stand.pilot, "The turns could not be exported")

        error = stand.screen.query_one(ErrorStrip).error
        assert isinstance(error, StorageError)
        assert error.remedy == "make room or rights there"
        assert sorted(path.name for path in tmp_path.iterdir() if path.name == "file") == ["file"]


# -- the profile ----------------------------------------------------------------------------------


def test_every_key_of_the_profile_stands_in_the_form_once() -> None:
    keys = [key for _, group in GROUPS for key in group]

    assert sorted(keys) == sorted(KEYS)


class Saved:
    """Keeps profiles as the real one does, in memory."""

    def __init__(self) -> None:
        self.profile = DECLARED
        self.asked: list[dict[str, str]] = []
        self.fails: ConfigError | None = None

    async def __call__(self, values: dict[str, str]) -> Profile:
        self.asked.append(values)
        if self.fails is not None:
            raise self.fails
        self.profile = self.profile.setting(values, datetime(2026, 11, 20, 9, tzinfo=UTC))
        return self.profile


async def open_profile(stand: CostsStand) -> ProfileScreen:
    await stand.press("e")
    await until(stand.pilot, lambda: isinstance(stand.app.screen, ProfileScreen), "the profile")
    screen = stand.app.screen
    assert isinstance(screen, ProfileScreen)
    return screen


async def test_only_what_was_changed_in_the_form_is_kept_and_the_figures_follow() -> None:
    saved = Saved()
    async with costs_mode(some_turns(), save_profile=saved) as stand:
        form = await open_profile(stand)
        form.query_one("#key-price_usd", Input).value = "2999"
        form.query_one("#key-usd_per_kwh", Input).value = ""
        form.query_one("#key-tariff", Input).value = "22:00-06:00 0.11, 06:00-22:00 0.34"
        form.query_one("#key-reference_model", Input).value = "qwen3:8b = qwen/qwen3-8b"
        await stand.press("ctrl+s")
        await shows(stand.pilot, "$2,999, 60 W, $/kWh by the hour")

        assert saved.asked == [
            {
                "usd_per_kwh": "",
                "tariff": "22:00-06:00 0.11, 06:00-22:00 0.34",
                "price_usd": "2999",
                "reference_model": "qwen3:8b = qwen/qwen3-8b",
            }
        ]
        assert saved.profile.reference_model == (("qwen3:8b", "qwen/qwen3-8b"),)
        assert "usd_per_kwh" not in saved.profile.declared
        form = await open_profile(stand)
        assert form.query_one("#key-tariff", Input).value == "22:00-06:00 0.11, 06:00-22:00 0.34"


async def test_a_value_that_cannot_be_used_is_told_in_three_parts_and_nothing_is_kept_or_lost() -> None:
    saved = Saved()
    async with costs_mode(some_turns(), save_profile=saved) as stand:
        form = await open_profile(stand)
        form.query_one("#key-share", Input).value = "7"
        await stand.press("ctrl+s")
        await shows(stand.pilot, "✗ This value cannot be used")

        said = "This value cannot be used · part of the machine charged to the models: 7 · write a number from 0 to 1"
        assert said in str(form.query_one(".wrong", Static).render())
        assert stand.app.focused is form.query_one("#key-share")
        assert form.query_one("#key-share", Input).value == "7"
        assert saved.asked == []

        await stand.press("escape")
        assert stand.screen.is_current
        assert saved.asked == []


async def test_a_profile_that_cannot_be_written_is_told_in_the_strip() -> None:
    saved = Saved()
    saved.fails = ConfigError("The settings could not be written", "config.toml: no rights", "make it writable")
    async with costs_mode(some_turns(), save_profile=saved) as stand:
        form = await open_profile(stand)
        form.query_one("#key-busy_w", Input).value = "70"
        await stand.press("ctrl+s")

        await shows(stand.pilot, "✗ The settings could not be written · config.toml: no rights · ")


async def test_the_form_says_what_each_key_is_and_where_its_default_comes_from() -> None:
    async with costs_mode(some_turns()) as stand:
        await open_profile(stand)
        await stand.press("enter", "down", "down", "up")

        assert "[profile] usd_per_kwh" in stand.text
        assert "default 0.18 $/kWh (US average 2026, EIA forecast) · such as 0.18 $/kWh" in stand.text


@pytest.mark.parametrize("key", sorted(KEYS))
def test_what_the_form_shows_as_default_and_as_example_can_be_typed(key: str) -> None:
    from llmhub.core.profile_texts import example, text_of

    assert wrong_value(key, example(key)) is None
    assert wrong_value(key, text_of(key, getattr(Profile(), key))) is None
    assert wrong_value(key, "") is None
    assert wrong_value(key, "nonsense ✗") is not None


# -- failures, and what is not there --------------------------------------------------------------


async def test_turns_that_cannot_be_read_are_told_and_read_again_on_demand() -> None:
    async with costs_mode(some_turns()) as stand:
        stand.ledger.reading_fails = StorageError("The ledger could not be read", "turns-2026-11", "look at the disk")
        stand.ledger.turns.append(local_turn(8))
        stand.hub.changed()
        await shows(stand.pilot, "✗ The ledger could not be read")
        assert stand.ids == IN_NOVEMBER

        stand.ledger.reading_fails = None
        stand.screen.strip.focus()
        await stand.press("enter", "enter")

        await stand.until_ids("t000008", *IN_NOVEMBER)


async def test_text_from_a_model_is_neither_markup_nor_an_escape() -> None:
    turn = replace(cloud_turn(1), model="[/b]\x1b[31mred", context=replace(cloud_turn(1).context, place=THIS_MACHINE))
    async with costs_mode([turn]) as stand:
        assert "[/b]red" in stand.text

        stand.screen.turns.focus()
        await stand.press("enter")

        assert "\x1b" not in stand.text


def test_a_booked_turn_is_the_same_for_the_ledger_and_the_screen() -> None:
    from llmhub.ledger.history import Booked as FromLedger

    assert FromLedger is Booked


async def test_the_app_opens_it_by_its_key_with_what_was_just_booked() -> None:
    async with chat_app(FakeHost(installed_model("qwen3:8b")), profile=DECLARED) as stand:
        await stand.say("go")
        await stand.done()
        await stand.pilot.press("f4")

        await shows(stand.pilot, "turns, 1")

        assert isinstance(stand.app.screen, CostsScreen)
        assert stand.app.focused is stand.app.screen.turns


async def test_every_key_is_in_the_palette_with_words() -> None:
    async with costs_mode(some_turns()) as stand:
        commands = BindingCommands(stand.screen)
        offered = {str(hit.help).split(" (")[0] async for hit in commands.discover()}

        assert offered == {
            "Edit the profile that costs are worked out with",
            "Write the turns that are shown to files",
            "Show only some turns",
            "The month before",
            "The month after",
            "Split the month by model, day or place",
        }
