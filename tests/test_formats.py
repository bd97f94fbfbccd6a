from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub import formats
from llmhub.core.costs.labels import Bound, Figure, Label, unknown
from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE, Place, PlaceKind

D = Decimal
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

dollars = st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False)
known_labels = st.sampled_from([label for label in Label if label is not Label.UNKNOWN])
bounds = st.sampled_from(Bound)


# -- money --------------------------------------------------------------------------------------------------------


@given(dollars, known_labels, bounds)
def test_nothing_that_cost_money_shows_as_nothing(amount: Decimal, label: Label, bound: Bound) -> None:
    for text in (formats.usd(amount, label, bound), formats.per_m(amount, label, bound)):
        has_digits = any(digit in text.replace("0.000001", "1").replace("0.0001", "1") for digit in "123456789")
        assert has_digits is (amount != 0)


@given(st.sampled_from([None, unknown("busy_w"), unknown(why="no bill"), Figure(None)]))
def test_no_unknown_shows_as_a_number(figure: Figure | None) -> None:
    assert formats.usd(figure) == formats.per_m(figure) == formats.UNKNOWN


@given(dollars, known_labels, bounds)
def test_the_sign_before_a_figure_says_how_far_to_trust_it(amount: Decimal, label: Label, bound: Bound) -> None:
    text = formats.usd(Figure(amount, label, bound))

    assert (text[0] in "~≥≤") is (bound is not Bound.NONE or label not in {Label.BILLED, Label.MEASURED})


@given(dollars)
def test_dollars_are_shown_to_within_their_digits(amount: Decimal) -> None:
    text = formats.usd(amount, Label.BILLED)
    if "<" in text:
        assert abs(amount) < D("0.000001")
        return

    shown = D(text.replace("$", "").replace(",", ""))

    size = abs(amount)
    step = D("0.01") if size >= 1 else D("0.0001") if size >= D("0.01") else D("0.01") * size
    assert abs(shown - amount) <= step / 2


@pytest.mark.parametrize("amount", [0.1, 0.0, float("nan")])
def test_a_float_of_money_is_refused(amount: float) -> None:
    with pytest.raises(TypeError, match="float"):
        formats.usd(amount)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float"):
        formats.per_m(amount)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("0.0000009999", "<$0.000001"),
        ("0.000001", "$0.00000100"),
        ("0.00999", "$0.00999"),
        ("0.009995", "$0.0100"),
        ("0.0099996", "$0.0100"),
        ("0.04228", "$0.0423"),
        ("0.99995", "$1.00"),
        ("1234.555", "$1,234.56"),
        ("999.995", "$1,000.00"),
        ("-0.0000001", "-<$0.000001"),
        ("1E+3", "$1,000.00"),
    ],
)
def test_amounts_at_the_edges_of_the_table(amount: str, text: str) -> None:
    assert formats.usd(D(amount), Label.BILLED) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00/M"),
        ("0.00009", "<$0.0001/M"),
        ("0.0001", "$0.000100/M"),
        ("0.15", "$0.150/M"),
        ("0.99951", "$1.00/M"),
        ("53.756", "$53.76/M"),
        ("99.996", "$100/M"),
        ("1583.5", "$1,584/M"),
        ("-2.5", "-$2.50/M"),
    ],
)
def test_prices_per_million_at_the_edges_of_the_table(amount: str, text: str) -> None:
    assert formats.per_m(D(amount), Label.BILLED) == text


def test_a_pending_bill_and_a_wide_range_are_said() -> None:
    pending = Figure(D("0.00031"), Label.ESTIMATED, pending=True)
    wide = Figure(D("0.298"), Label.ESTIMATED, low=D("0.22"), high=D("0.41"))
    narrow = Figure(D("0.298"), Label.ESTIMATED, low=D("0.29"), high=D("0.30"))

    assert formats.usd(pending) == "~$0.000310 pending"
    assert formats.usd(wide) == "~$0.2980 (0.2200–0.4100)"
    assert formats.usd(narrow) == "~$0.2980"


# -- everything else ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (5_261_334_937, "4.9 GiB"),
        (2**30 - 1, "1.0 GiB"),
        (42_520_395_776, "39.6 GiB"),
        (None, "—"),
    ],
)
def test_bytes_are_binary_with_one_decimal(n_bytes: int | None, text: str) -> None:
    assert formats.size(n_bytes) == text


def test_a_part_of_bytes_shares_the_unit_of_the_whole() -> None:
    assert formats.of_bytes(15_461_882_265, 25 * 2**30) == "14.4/25.0 GiB"
    assert formats.of_bytes(100 * 2**20, 12 * 2**30, " of ") == "0.1 of 12.0 GiB"
    assert formats.of_bytes(5, 100) == "5/100 B"
    assert formats.of_bytes(None, 2**30) == "—/1.0 GiB"
    assert formats.of_bytes(2**30, None) == "1.0/— GiB"
    assert formats.exact_bytes(5_261_334_937) == "5,261,334,937 bytes"
    assert formats.byte_rate(42.3 * 2**20) == "42 MiB/s"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00 s"),
        (0.001, "<0.01 s"),
        (0.21, "0.21 s"),
        (0.996, "1.0 s"),
        (2.1, "2.1 s"),
        (9.96, "10 s"),
        (40, "40 s"),
        (59.7, "1 m"),
        (192, "3 m 12 s"),
        (3600, "1 h"),
        (3840, "1 h 4 m"),
        (86400 + 7200, "1 d 2 h"),
        (-3, "0.00 s"),
        (None, "—"),
        (D("2.14"), "2.1 s"),
    ],
)
def test_a_duration_is_said_for_people(value: float | None, text: str) -> None:
    assert formats.seconds(value) == text


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 m ago"),
        (7200, "2 h ago"),
        (2 * 86400, "2 d ago"),
        (40 * 86400, "2026-10-11"),
    ],
)
def test_how_long_ago_in_one_unit(past: int, text: str) -> None:
    assert formats.ago(NOW - timedelta(seconds=past), NOW) == text
    assert formats.ago(None) == "—"


def test_when_a_loaded_model_goes() -> None:
    assert formats.expires(NOW + timedelta(minutes=4, seconds=30), now=NOW) == "4 m"
    assert formats.expires(NOW + timedelta(seconds=30), now=NOW) == "30 s"
    assert formats.expires(NOW - timedelta(seconds=30), now=NOW) == "now"
    assert formats.expires(None, never=True) == "never"
    assert formats.expires(None) == "—"


def test_days_of_a_month_are_named() -> None:
    assert formats.period(date(2026, 11, 1), date(2026, 11, 20)) == "November 1–20"
    assert formats.period(date(2026, 11, 1), date(2026, 11, 1)) == "November 1"
    assert formats.period(date(2026, 10, 30), date(2026, 11, 2)) == "2026-10-30 – 2026-11-02"


@pytest.mark.parametrize(
    ("used", "limit", "text"),
    [
        (1229, 32768, "1.2k of 32k"),
        (32768, 32768, "32k of 32k"),
        (412, 8192, "412 of 8k"),
        (0, 40960, "0 of 40k"),
        (1200, 128_000, "1.2k of 128k"),
        (None, 131072, "— of 128k"),
        (5, None, "5 of —"),
    ],
)
def test_context_used_counts_both_sides_alike(used: int | None, limit: int | None, text: str) -> None:
    assert formats.context_used(used, limit) == text


def test_counts_and_many_tokens() -> None:
    assert formats.count(12345) == "12,345"
    assert formats.count(None) == formats.tokens(None) == "—"
    assert [formats.tokens(n) for n in (0, 999, 1000, 1234, 9960, 41_000, 999_700, 1_900_000)] == (
        ["0", "999", "1k", "1.2k", "10k", "41k", "1.0 M", "1.9 M"]
    )


def test_speeds_measured_and_estimated() -> None:
    assert formats.rate(47.23) == "47.2 tok/s"
    assert formats.rate(99.97) == "100 tok/s"
    assert formats.rate(312.4) == "312 tok/s"
    assert formats.rate(12.1, measured=False, low=9.2, high=13.4) == "~12 tok/s (9–13)"
    assert formats.rate(0.31, measured=False) == "~0.3 tok/s"
    assert formats.rate(None) == "—"


def test_watts_and_joules() -> None:
    assert [formats.watts(value) for value in (D(58), 4.52, 0, None)] == ["58 W", "4.5 W", "0 W", "—"]
    assert [formats.joules(value) for value in (D("561.2"), D(1040), 0.04)] == ["561 J", "1,040 J", "<0.1 J"]


@given(st.floats(0, 1), st.integers(1, 60))
def test_a_bar_has_its_width_and_is_full_only_at_the_whole(fraction: float, width: int) -> None:
    bar = formats.bar(fraction, width)

    assert len(bar) == width
    assert bar.strip("▓") == "░" * bar.count("░")
    assert ("▓" in bar) is (fraction > 0)
    assert width == 1 or ("░" not in bar) is (fraction == 1)


def test_an_unknown_bar_is_not_an_empty_one() -> None:
    assert formats.bar(None, 3) == "···"
    assert formats.bar(0.61, 5) == "▓▓▓░░"
    assert formats.bar(7, 2) == "▓▓"


@given(st.floats(0, 1))
def test_a_percentage_is_never_none_for_something_and_never_all_before_the_whole(fraction: float) -> None:
    text = formats.percent(fraction)

    assert (text == "0 %") is (fraction == 0)
    assert (text == "100 %") is (fraction == 1)
    assert formats.percent(None) == "—"


def test_places_have_a_sign_and_words() -> None:
    assert formats.place(THIS_MACHINE) == "● this machine"
    assert formats.place(Place(PlaceKind.LAN_HOST, "gpu-box")) == "◐ gpu-box"
    assert formats.place(OLLAMA_CLOUD) == "○ Ollama cloud"
    assert formats.place(Place(PlaceKind.PROVIDER, "Groq")) == "○ Groq"


@given(st.text(), st.integers(0, 30))
def test_a_text_that_is_fitted_takes_no_more_columns_than_it_may(text: str, width: int) -> None:
    fitted = formats.fit(text, width)

    assert formats.cells(fitted) <= width
    assert fitted == text or fitted.endswith("…") or width == 0


def test_wide_signs_take_two_columns_and_combining_ones_none() -> None:
    assert [formats.cells(text) for text in ("abc", "한글", "e\u0301", "▓░", "")] == [3, 4, 1, 2, 0]
    assert formats.fit("한글입니다", 5) == "한글…"


def test_formats_load_neither_humanize_nor_the_rules_of_the_cost_model() -> None:
    probe = "import sys, llmhub.formats; print(*(m for m in sys.modules if m.split('.')[0] in ('humanize', 'llmhub')))"

    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1] / "tui"
    )

    assert "humanize" not in done.stdout
    assert "llmhub.core.costs.month" not in done.stdout
    assert "llmhub.formats" in done.stdout


def test_every_displayed_vector_is_what_the_panel_would_show() -> None:
    vectors = json.loads((Path(__file__).parent / "data" / "cost-vectors.json").read_text("utf-8"))["vectors"]
    shown = [vector for vector in vectors if vector["op"] == "display_usd" and vector["inputs"]["usd"] is not None]

    for vector in shown:
        given_ = vector["inputs"]
        figure = Figure(D(given_["usd"]), Label(given_["label"]), Bound(given_.get("bound", "")))
        assert formats.usd(figure) == vector["expected"]["text"]
        assert re.fullmatch(r"[~≥≤]?-?<?\$[\d,.]+", formats.usd(figure))
    assert len(shown) >= 6
