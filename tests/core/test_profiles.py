from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.costs.energy import TariffWindow
from llmhub.core.costs.labels import Label
from llmhub.core.costs.snapshots import Picked
from llmhub.core.errors import ConfigError
from llmhub.core.profile_keys import KEYS
from llmhub.core.profiles import Profile, ProfileBook, read_profile

D = Decimal
MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, 12, tzinfo=UTC)

_minutes = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


def test_every_field_is_either_a_key_with_words_or_about_the_version() -> None:
    names = {field.name for field in fields(Profile)}

    assert names - KEYS.keys() == {"profile_id", "since", "declared", "extra"}
    assert names >= KEYS.keys()


def test_nothing_is_invented_for_watts_and_price() -> None:
    assumed = Profile()

    assert (assumed.busy_w, assumed.idle_w, assumed.price_usd) == (None, None, None)
    assert assumed.label("busy_w") is Label.UNKNOWN
    assert assumed.label("usd_per_kwh") is Label.DEFAULT


def test_a_key_that_the_person_set_is_declared_even_when_it_equals_the_default() -> None:
    assumed = Profile.from_config({"usd_per_kwh": "0.18", "busy_w": 60}, now=MARCH)

    assert assumed.declared == {"usd_per_kwh", "busy_w"}
    assert assumed.label("usd_per_kwh") is Label.DECLARED
    assert assumed.label("share") is Label.DEFAULT


@pytest.mark.parametrize("raw", ["0.34", D("0.34"), 0.34, " 0.34 "])
def test_a_number_is_read_exactly_however_the_file_gave_it(raw: Any) -> None:
    assert Profile.from_config({"usd_per_kwh": raw}).usd_per_kwh == D("0.34")


def test_tables_and_dates_are_read() -> None:
    assumed = Profile.from_config(
        {
            "tariff": [{"start": "22:00", "end": time(6), "usd_per_kwh": D("0.11")}],
            "purchased": date(2025, 11, 20),
            "reference_model": {"qwen3:8b": "qwen/qwen3-8b"},
            "idle_attribution": "gross",
            "life_months": "48",
        }
    )

    assert assumed.tariff == (TariffWindow(time(22), time(6), D("0.11")),)
    assert assumed.purchased == date(2025, 11, 20)
    assert assumed.reference_model == (("qwen3:8b", "qwen/qwen3-8b"),)
    assert (assumed.idle_attribution, assumed.life_months) == ("gross", 48)


BAD: list[tuple[str, Any, str]] = [
    ("busy_w", "sixty", "write a number such as 60 (W)"),
    ("busy_w", -1, "write a number from 0 (W)"),
    ("busy_w", True, "write a number such as 60 (W)"),
    ("busy_w", D("NaN"), "write a number such as 60 (W)"),
    ("busy_w", float("inf"), "write a number such as 60 (W)"),
    ("price_usd", "1e30", "write a number such as 1999 ($)"),
    ("share", 2, "write a number from 0 to 1"),
    ("planned_busy_s_per_month", 0, "write a number above 0 (s)"),
    ("topup_usd", 0, "write a number above 0 ($)"),
    ("life_months", "1.5", "write a whole number such as 36 (months)"),
    ("life_months", 0, "write a number from 1 (months)"),
    ("capital_basis", "mean", "write average or initial"),
    ("purchased", "yesterday", "write a date such as 2026-01-31"),
    ("tariff", "cheap", "write windows such as"),
    ("tariff", [{"start": "22:00"}], "write windows such as"),
    ("tariff", [{"start": "25:00", "end": "06:00", "usd_per_kwh": 1}], 'write times such as "22:00"'),
    ("reference_model", {"a": 3}, "write a table such as"),
    ("reference_model", "x", "write a table such as"),
]


@pytest.mark.parametrize(("key", "raw", "remedy"), BAD)
def test_a_value_that_cannot_be_used_is_named_with_its_key_and_what_to_write(key: str, raw: Any, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Profile.from_config({key: raw})

    assert caught.value.happened == "A value of the profile cannot be used"
    assert caught.value.subject == f"[profile] {key} = {str(raw)[:60]}"
    assert caught.value.remedy.startswith(remedy)


def test_one_bad_value_does_not_cost_the_good_ones() -> None:
    assumed, problems = read_profile({"busy_w": 60, "share": 7, "buzy_w": 1, "zzz": 1})

    assert assumed.busy_w == 60
    assert assumed.share == 1
    assert [(str(p.subject), p.remedy) for p in problems] == [
        ("[profile] share = 7", "write a number from 0 to 1"),
        ("[profile] buzy_w", "did you mean busy_w?"),
        ("[profile] zzz", "take it out of the file"),
    ]


def test_setting_a_key_makes_a_new_version_and_leaves_the_old_one_alone() -> None:
    first = Profile.from_config({"busy_w": 60}, now=MARCH)

    second = first.setting({"price_usd": "1999"}, APRIL)

    assert (second.busy_w, second.price_usd, second.since) == (D(60), D(1999), APRIL)
    assert second.profile_id != first.profile_id
    assert first.price_usd is None


def test_an_emptied_key_goes_back_to_its_default() -> None:
    first = Profile.from_config({"busy_w": 60, "usd_per_kwh": "0.34"}, now=MARCH)

    second = first.setting({"usd_per_kwh": "", "busy_w": None}, APRIL)

    assert (second.usd_per_kwh, second.busy_w, second.declared) == (D("0.18"), None, frozenset())
    assert second.profile_id != first.profile_id


def test_the_same_settings_are_the_same_version() -> None:
    first = Profile.from_config({"busy_w": 60}, now=MARCH)

    assert Profile.from_config({"busy_w": "60"}, now=APRIL, before=first) is first
    assert first.setting({"busy_w": 60}, APRIL) is first


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "busy_w": st.decimals(0, 2000, places=2),
            "share": st.decimals(0, 1, places=3),
            "life_months": st.integers(1, 240),
            "purchased": st.dates(date(2000, 1, 1), date(2040, 1, 1)),
            "capital_basis": st.sampled_from(["average", "initial"]),
            "tariff": st.lists(
                st.builds(TariffWindow, _minutes, _minutes, st.decimals(0, 2, places=3)),
                max_size=3,
            ).map(tuple),
            "reference_model": st.dictionaries(st.text(), st.text(), max_size=3),
        },
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_record_gives_the_same_profile_again(values: dict[str, Any], now: datetime) -> None:
    assumed = Profile.from_config(values, now=now)

    read = Profile.from_record(json.loads(json.dumps(assumed.to_record())))

    assert read == assumed
    assert read.to_record() == assumed.to_record()


def test_fields_of_a_newer_record_survive() -> None:
    record = Profile.from_config({"busy_w": 60}, now=MARCH).to_record() | {"mood": "sunny"}

    assert Profile.from_record(record).to_record() == record


def test_a_record_keeps_the_defaults_that_held_when_it_was_made() -> None:
    record = Profile.from_config({"busy_w": 60}, now=MARCH).to_record()
    record["values"]["usd_per_kwh"] = "0.17"

    read = Profile.from_record(record)

    assert (read.usd_per_kwh, read.label("usd_per_kwh")) == (D("0.17"), Label.DEFAULT)


@pytest.mark.parametrize("record", [{}, {"values": 3, "profile_id": "a", "from": "x"}, {"values": {"share": "7"}}])
def test_what_is_no_record_of_a_profile_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a profile"):
        Profile.from_record({"profile_id": "p", "from": "2026-03-01T00:00:00Z", **record} if record else {})


def test_a_turn_finds_the_version_it_names() -> None:
    first = Profile.from_config({"busy_w": 60}, now=MARCH)
    second = first.setting({"busy_w": 90}, APRIL)
    book = ProfileBook((second, first))

    assert book.named(first.profile_id, APRIL) == Picked(first, exact=True)
    assert book.named("lost", APRIL) == Picked(second, exact=False)
    assert book.named("lost", datetime(2026, 1, 1, tzinfo=UTC)) == Picked(first, exact=False)
    assert book.newest is second


def test_the_defaults_are_known_without_being_kept() -> None:
    later = Profile.from_config({"usd_per_kwh": "0.5"}, now=MARCH)

    assert ProfileBook((later,)).named("defaults", APRIL) == Picked(Profile(), exact=True)


def test_the_earliest_version_that_states_a_key_helps_out_and_is_marked() -> None:
    bare = Profile.from_config({"usd_per_kwh": "0.3"}, now=MARCH)
    second = bare.setting({"busy_w": 60}, APRIL)
    third = second.setting({"busy_w": 90}, datetime(2026, 5, 1, tzinfo=UTC))
    book = ProfileBook((bare, second, third))

    assert book.stating("busy_w", Picked(bare, exact=True)) == Picked(second, exact=False)
    assert book.stating("busy_w", Picked(third, exact=True)) == Picked(third, exact=True)
    assert book.stating("price_usd", Picked(third, exact=True)) is None


def test_an_empty_book_holds_the_defaults() -> None:
    assert ProfileBook().newest == Profile()
    assert ProfileBook().named("x", MARCH) == Picked(Profile(), exact=False)


@pytest.mark.parametrize(
    ("day", "index"), [(date(2026, 1, 31), 0), (date(2026, 2, 1), 1), (date(2029, 1, 1), 36), (date(2025, 12, 31), -1)]
)
def test_months_of_the_machine_count_from_the_month_of_purchase(day: date, index: int) -> None:
    assert Profile.from_config({"purchased": "2026-01-15"}).month_index(day) == index
    assert Profile().month_index(day) == 0


def test_a_float_cannot_be_put_into_a_profile() -> None:
    with pytest.raises(TypeError, match="float"):
        Profile(busy_w=60.0)  # type: ignore[arg-type]
