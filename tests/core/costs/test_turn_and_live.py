from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.costs.given import GROQ, LAN, NOV_1, NOV_20, booked, profile, turn
from llmhub.core.costs.energy import energy_from_counters
from llmhub.core.costs.labels import Bound, Figure, Label
from llmhub.core.costs.live import LiveCost
from llmhub.core.costs.turn import billed, declared_energy, turn_cost, with_energy
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE, Place
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.turns import BilledFacts, EnergyFacts, Turn

D = Decimal
TODAY = date(2026, 11, 20)


@pytest.mark.parametrize("place", [THIS_MACHINE, LAN])
def test_stated_watts_are_charged_for_the_seconds_the_machine_worked(place: Place) -> None:
    energy = declared_energy(turn(busy_s="20", place=place), profile(busy_w=60, idle_w=8))

    assert (energy.method, energy.charged_mj, energy.idle_w, energy.idle_source) == (
        "declared",
        1_040_000,
        "8",
        "profile",
    )


def test_all_watts_are_charged_when_the_person_wants_it_or_names_none_at_rest() -> None:
    assert declared_energy(turn(), profile(busy_w=60, idle_w=8, idle_attribution="gross")).charged_mj == 1_200_000
    assert declared_energy(turn(), profile(busy_w=60)).charged_mj == 1_200_000


def test_energy_is_unknown_without_watts_without_time_and_off_the_persons_machines() -> None:
    stated = profile(busy_w=60)

    for unknowable, assumed in (
        (turn(), Profile()),
        (turn(busy_s=None), stated),
        (turn(place=OLLAMA_CLOUD), stated),
        (turn(place=GROQ), stated),
    ):
        assert declared_energy(unknowable, assumed) == EnergyFacts()


def test_a_booked_turn_carries_energy_its_price_and_the_profile() -> None:
    assumed = profile(busy_w=60, idle_w=8)

    made = booked(assumed)

    assert made.energy.charged_mj == 1_040_000
    assert made.energy.cost_pico_usd == 52_000_000
    assert made.context.profile_id == assumed.profile_id
    assert Turn.from_record(made.to_record()) == made


def test_a_profile_that_is_edited_while_a_reply_streams_does_not_change_that_turn() -> None:
    before = profile(busy_w=60, idle_w=8)
    edited = ProfileBook((before, before.setting({"busy_w": 500}, NOV_20)))

    made = with_energy(turn(profile_id=before.profile_id), edited)

    assert made.energy.charged_mj == 1_040_000
    assert made.context.profile_id == before.profile_id


def test_a_meters_figure_is_never_replaced_by_stated_watts() -> None:
    metered = replace(turn(), energy=EnergyFacts(method="nvml", scope="gpu", charged_mj=7))

    made = with_energy(metered, profile(busy_w=60))

    assert (made.energy.method, made.energy.charged_mj) == ("nvml", 7)


def test_a_cancelled_turn_without_the_daemons_times_is_charged_by_our_own_clock() -> None:
    stopped = replace(turn(busy_s="5"), durations=type(turn().durations)())

    assert declared_energy(stopped, profile(busy_w=100)).charged_mj == 504_000


def test_a_turn_is_counted_both_ways() -> None:
    assumed = profile(busy_w=60, idle_w=8, usd_per_kwh="0.18", price_usd=6000)

    cost = turn_cost(booked(assumed, busy_s="14.2"), assumed)

    assert cost.power == Figure(D("0.00003692"), Label.DECLARED)
    assert cost.with_machine.label is Label.DEFAULT
    assert cost.with_machine.amount is not None
    assert cost.power.amount is not None
    fixed = cost.with_machine.amount - cost.power.amount
    assert fixed.quantize(D("1e-12")) == D("0.002404490107")


@pytest.mark.parametrize(
    ("values", "power_missing", "machine_missing"),
    [
        ({}, "busy_w", "price_usd"),
        ({"busy_w": 60}, None, "price_usd"),
        ({"price_usd": 1999}, "busy_w", "busy_w"),
        ({"busy_w": 60, "price_usd": 1999}, None, None),
        ({"busy_w": 60, "share": 0}, None, None),
    ],
)
def test_what_is_missing_names_the_one_thing_to_set(
    values: dict[str, Any], power_missing: str | None, machine_missing: str | None
) -> None:
    assumed = profile(**values)

    cost = turn_cost(booked(assumed), assumed)

    assert (cost.power.missing, cost.with_machine.missing) == (power_missing, machine_missing)
    assert (cost.power.known, cost.with_machine.known) == (power_missing is None, machine_missing is None)


def test_the_price_of_the_hour_in_which_a_turn_began_decides() -> None:
    night = [{"start": "22:00", "end": "06:00", "usd_per_kwh": "0.11"}]
    assumed = profile(busy_w=3600, usd_per_kwh="0.30", tariff=night)

    prices = [
        turn_cost(
            booked(assumed, busy_s="1000", at=datetime(2026, 11, 20, hour, tzinfo=UTC), offset_min=60), assumed
        ).power
        for hour in (4, 5, 20, 21)
    ]

    assert prices == [Figure(D(price), Label.DECLARED) for price in ("0.11", "0.30", "0.30", "0.11")]


def test_a_default_electricity_price_makes_the_figure_a_default_one() -> None:
    assumed = profile(busy_w=60)

    assert turn_cost(booked(assumed), assumed).power.label is Label.DEFAULT


def test_a_meter_that_sees_a_part_of_the_machine_gives_a_lower_bound() -> None:
    assumed = profile(usd_per_kwh="0.18")
    metered = replace(booked(assumed), energy=EnergyFacts(method="ioreport", scope="soc", charged_mj=561_000))

    power = turn_cost(metered, assumed).power

    assert power == Figure(D("0.00002805"), Label.DECLARED, Bound.LOW)


def test_watts_stated_later_help_an_older_turn_out_and_make_it_an_estimate() -> None:
    before = profile(usd_per_kwh="0.18")
    after = before.setting({"busy_w": 60, "idle_w": 8}, NOV_20)
    old = booked(before, at=NOV_1 + timedelta(days=3))

    cost = turn_cost(old, ProfileBook((before, after)))

    assert old.energy == EnergyFacts()
    assert cost.power == Figure(D("0.000052"), Label.ESTIMATED)


def test_changing_the_profile_never_rewrites_a_booked_turn() -> None:
    before = profile(busy_w=60, idle_w=8)
    made = booked(before)
    after = before.setting({"busy_w": 500, "usd_per_kwh": "0.99"}, NOV_20)

    assert turn_cost(made, ProfileBook((before, after))).power == turn_cost(made, before).power


def test_a_model_in_ollamas_cloud_has_no_power_and_no_machine() -> None:
    cost = turn_cost(turn(place=OLLAMA_CLOUD), profile(busy_w=60, price_usd=1999))

    assert not cost.power.known
    assert not cost.with_machine.known
    assert cost.power.missing is cost.with_machine.missing is None
    assert cost.cloud.why == "Ollama cloud named no price"


def test_a_bill_is_a_bill_also_when_it_is_zero_and_a_pending_one_is_not_zero() -> None:
    assert billed(turn(place=GROQ, billed="0.000310")) == Figure(D("0.000310"), Label.BILLED)
    assert billed(turn(place=GROQ, billed="0")) == Figure(D(0), Label.BILLED)
    waiting = billed(replace(turn(place=GROQ), billed=BilledFacts(reconciled="pending")))
    assert (waiting.amount, waiting.pending) == (None, True)


def test_live_figures_follow_the_clock_with_the_watts_beside_them() -> None:
    live = LiveCost(profile(busy_w=66, idle_w=8, price_usd=1999), THIS_MACHINE, started=time(9, 35), day=TODAY)

    view = live.tick(9_700, 412)

    assert (view.joules, view.watts, view.tokens) == (D("562.6"), D(58), 412)
    assert view.power == Figure(D("0.00002813"), Label.DEFAULT)
    assert view.with_machine.known


def test_live_figures_of_a_cloud_turn_claim_no_power() -> None:
    view = LiveCost(profile(busy_w=66), GROQ, started=time(9), day=TODAY).tick(1000, 5)

    assert (view.power.known, view.with_machine.known, view.joules) == (False, False, None)


def test_a_short_window_is_too_coarse_for_its_meter() -> None:
    counter = {"domain": "gpu0", "start": 0, "end": 900, "unit": "mJ", "wrap": None}

    energy = energy_from_counters([counter], window_s=D("0.5"), shortest_window_s=D(1))

    assert energy.label is Label.ESTIMATED


def test_a_counter_that_fell_by_more_than_its_range_is_not_believed() -> None:
    counter = {"domain": "package-0", "start": 900, "end": 1, "unit": "uJ", "wrap": 100}

    assert energy_from_counters([counter], window_s=D(1)).charged_j is None
