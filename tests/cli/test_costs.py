"""The month's figures and the export, against the real ledger."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmhub.core.chat import Durations, Usage
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE, Place, PlaceKind
from llmhub.core.turns import BilledFacts, EnergyFacts, Turn, TurnContext, TurnStatus
from support.commands import Commands

NOVEMBER = datetime(2026, 11, 20, 9, 35, tzinfo=UTC)


def a_turn(number: int, place: Place = THIS_MACHINE, **changes: object) -> Turn:
    turn = Turn(
        id=f"T{number:025}",
        started_at=NOVEMBER,
        utc_offset_min=0,
        status=TurnStatus.COMPLETE,
        reason=None,
        context=TurnContext(None, 0, f"G{number}", 1, "ollama", place, profile_id="defaults"),
        model="qwen3:8b",
        tokens=Usage(prompt=1000, completion=500, source="daemon"),
        durations=Durations(total_ns=10_000_000_000, load_ns=0, prompt_eval_ns=0, eval_ns=10_000_000_000),
        energy=EnergyFacts(method="declared", charged_mj=561_000) if place.is_local else EnergyFacts(),
    )
    return replace(turn, **changes)  # type: ignore[arg-type]


@pytest.fixture
def booked(llmhub: Commands) -> Commands:
    cloud = Place(PlaceKind.PROVIDER, "Groq")
    bill = BilledFacts(raw={}, reconciled="stream", pico_usd=310_000_000)
    llmhub.ledger.turns += [
        a_turn(1),
        a_turn(2, model="gemma3:4b"),
        a_turn(3, cloud, model="openai/gpt-oss-120b", billed=bill),
        a_turn(4, OLLAMA_CLOUD, model="gpt-oss:120b-cloud"),
    ]
    return llmhub


def test_both_ways_of_counting_stand_beside_each_other(booked: Commands) -> None:
    booked.write_settings("[profile]\nusd_per_kwh = 0.34\nprice_usd = 1999\nbusy_w = 58\n")

    done = booked("cost", "--month", "2026-11")

    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[0].startswith("November ")
    assert lines[1].split("  ")[-1].strip() == "with machine or fee"
    assert lines[2].startswith("● local")
    assert "~$" in lines[2]
    assert any(line.startswith("○ cloud") and "$0.000310" in line for line in lines)
    assert any(line.startswith("○ Ollama cloud") and "—" in line for line in lines)
    assert "free" not in done.out


def test_json_gives_every_figure_its_label(booked: Commands) -> None:
    found = booked("cost", "--month", "2026-11", "--json").json

    assert found["month"] == "2026-11"
    assert (found["local"]["turns"], found["local"]["tokens"]) == (2, 3000)
    assert found["local"]["power_usd"]["label"] == "default"
    assert found["local"]["with_machine_usd"] == {
        "amount": None,
        "label": "unknown",
        "missing": "price_usd",
        "rule": "per token of this month",
    }
    assert found["cloud"]["billed_usd"] == {"amount": "0.000310000000", "label": "billed"}
    assert found["ollama_cloud"]["unpriced_turns"] == 1
    assert found["balance"] is None


def test_a_split_adds_up_to_the_month(booked: Commands) -> None:
    found = booked("cost", "--month", "2026-11", "--by", "place,model", "--json").json

    local = [row for row in found["by"] if row["place"]["kind"] == "this_machine"]
    assert [row["model"] for row in local] == ["gemma3:4b", "qwen3:8b"]
    assert sum(Decimal(row["power_usd"]["amount"]) for row in local) == Decimal(found["local"]["power_usd"]["amount"])
    assert sum(row["turns"] for row in found["by"]) == 4


def test_a_split_as_a_table_names_model_and_speed(booked: Commands) -> None:
    done = booked("cost", "--month", "2026-11", "--by", "model")

    assert "● qwen3:8b" in done.out
    assert "○ openai/gpt-oss-120b" in done.out
    assert "50.0 tok/s" in done.out


def test_an_unknown_figure_names_the_one_thing_to_set(booked: Commands) -> None:
    done = booked("cost", "--month", "2026-11")

    assert "[profile] price_usd" in done.out


def test_an_empty_month_is_all_zeros_and_no_mistake(llmhub: Commands) -> None:
    done = llmhub("cost", "--month", "2020-02")

    assert done.code == 0
    assert "February 1–29, 2020" in done.out


@pytest.mark.parametrize(
    "arguments", [("--month", "2026-13"), ("--month", "november"), ("--by", "colour"), ("--by", ",")]
)
def test_what_is_no_month_and_no_column_is_wrong_use(llmhub: Commands, arguments: tuple[str, ...]) -> None:
    done = llmhub("cost", *arguments)

    assert (done.code, done.out) == (2, "")


# -- exports ------------------------------------------------------------------------------------


def test_every_turn_is_a_row_with_facts_and_figures(booked: Commands) -> None:
    done = booked("export", "turns", "--format", "csv")

    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["model"] for row in rows] == ["qwen3:8b", "gemma3:4b", "openai/gpt-oss-120b", "gpt-oss:120b-cloud"]
    assert rows[0]["eval_ns"] == "10000000000"
    assert rows[0]["power_label"] == "default"
    assert rows[0]["with_machine_usd"] == ""
    assert (rows[2]["cloud_usd"], rows[2]["cloud_label"], rows[2]["place"]) == ("0.00031", "billed", "Groq")
    assert rows[3]["place"] == "Ollama cloud"


def test_lines_of_json_are_the_records_again(booked: Commands) -> None:
    done = booked("export", "turns", "--format", "jsonl")

    records = [json.loads(line) for line in done.out.splitlines()]
    assert [
        Turn.from_record({k: v for k, v in r.items() if k not in {"day", "derived"}}) for r in records
    ] == booked.ledger.turns
    assert booked("--json", "export", "turns").out == done.out


def test_a_month_narrows_the_export(booked: Commands) -> None:
    booked.ledger.turns.append(a_turn(5, started_at=datetime(2026, 10, 1, tzinfo=UTC)))

    assert len(booked("export", "turns", "--month", "2026-10").out.splitlines()) == 2
    assert len(booked("export", "turns").out.splitlines()) == 6


def test_a_cell_that_a_spreadsheet_would_work_out_is_text(llmhub: Commands) -> None:
    llmhub.ledger.turns.append(
        a_turn(1, model='=HYPERLINK("http://x","y")', provider="-1+cmd", reason='say "hi",\nnow')
    )

    (row,) = csv.DictReader(io.StringIO(llmhub("export", "turns").out))

    assert row["model"] == '\'=HYPERLINK("http://x","y")'
    assert row["provider"] == "'-1+cmd"
    assert row["reason"] == 'say "hi",\nnow'


def test_what_was_asked_is_found_again_by_cost_and_export_in_the_real_ledger(llmhub: Commands) -> None:
    llmhub.real_ledger = True
    llmhub.write_settings("[profile]\nbusy_w = 60\nprice_usd = 1999\n")

    asked = llmhub("ask", "qwen3:8b", "hello", "--json").json
    cost = llmhub("cost", "--json").json
    (row,) = csv.DictReader(io.StringIO(llmhub("export", "turns").out))

    assert (row["id"], row["machine"]) == (asked["id"], asked["machine"])
    assert row["machine"].startswith("m-")
    assert cost["local"]["turns"] == 1
    assert cost["profile_id"] == asked["profile_id"] != "defaults"
    assert abs(Decimal(row["power_usd"]) - Decimal(asked["derived"]["power_usd"]["amount"])) <= Decimal("1e-12")


def test_a_profile_that_changed_leaves_old_turns_as_they_were(llmhub: Commands) -> None:
    llmhub.real_ledger = True
    llmhub.write_settings("[profile]\nbusy_w = 60\n")
    before = llmhub("ask", "qwen3:8b", "hello", "--json").json
    llmhub.write_settings("[profile]\nbusy_w = 600\n")

    after = llmhub("ask", "qwen3:8b", "hello", "--json").json
    rows = list(csv.DictReader(io.StringIO(llmhub("export", "turns").out)))

    assert before["profile_id"] != after["profile_id"]
    assert [row["profile_id"] for row in rows] == [before["profile_id"], after["profile_id"]]
    assert rows[0]["energy_mj"] == str(before["energy"]["charged_mj"])
