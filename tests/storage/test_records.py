"""What may be kept, and how it is told from what was damaged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.storage.records import (
    MAX_RECORD_BYTES,
    RecordRefusedError,
    decode,
    encode,
    is_sound,
    parse_line,
    sealed,
    with_checksum,
)

NOW = datetime(2026, 11, 20, 23, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=-5)))
FINITE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def test_the_envelope_carries_version_kind_own_id_utc_milliseconds_and_the_local_day() -> None:
    record = sealed("turn", {"model": "m", "kind": "forged", "day": "../../etc"}, now=NOW, record_id="01A")

    assert record == {
        "v": 1,
        "kind": "turn",
        "id": "01A",
        "at": "2026-11-21T04:30:00.123Z",
        "day": "2026-11-20",
        "model": "m",
    }


@given(st.dictionaries(st.text(max_size=8).filter(lambda key: key != "crc"), FINITE, max_size=6))
def test_finite_json_comes_back_as_it_was_and_its_checksum_fits(document: dict[str, Any]) -> None:
    line = encode(document)

    found = decode(line)
    assert found is not None
    found.pop("crc")
    assert found == document
    assert is_sound(line)
    assert line.isascii()


@pytest.mark.parametrize(
    "value",
    [
        nan,
        inf,
        -inf,
        2**63,
        -(2**63),
        10**5000,
        b"bytes",
        Decimal("1.5"),
        datetime(2026, 1, 1, tzinfo=UTC),
        {1, 2},
        object(),
        {1: "a key that is no text"},
        {"deep": [[nan]]},
        "x" * MAX_RECORD_BYTES,
        "\u20ac" * (MAX_RECORD_BYTES // 6 + 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_finite_json_of_a_sane_size_is_refused_in_three_parts(value: object) -> None:
    with pytest.raises(RecordRefusedError) as refusal:
        encode({"figure": value})

    assert refusal.value.happened == "A record was refused"
    assert refusal.value.subject
    assert refusal.value.remedy


def test_endless_nesting_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(RecordRefusedError):
        encode({"figure": value})


@pytest.mark.parametrize(
    "text", ['{"a":NaN}', '{"a":1e400}', '{"a":-Infinity}', '{"a":' + "9" * 5000 + "}", "[1]", "{", ""]
)
def test_what_is_not_finite_json_is_not_read_either(text: str) -> None:
    assert decode(text.encode()) is None


def test_every_changed_byte_is_noticed() -> None:
    line = encode(sealed("turn", {"billed": {"pico_usd": 4_200_000_000}}, now=NOW))

    for place in range(len(line)):
        changed = line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]
        assert not is_sound(changed)


def test_the_checksum_is_of_the_json_without_it() -> None:
    import zlib

    line = with_checksum(b'{"a":1}')

    assert json.loads(line) == {"a": 1, "crc": format(zlib.crc32(b'{"a":1}'), "08x")}


def test_a_line_is_a_record_only_as_a_whole() -> None:
    line = b',"7":' + encode({"a": 1}) + b"\n"

    parsed = parse_line(line)

    assert parsed is not None
    assert (parsed.doc_id, parsed.sound) == (7, True)
    assert all(parse_line(line[:end]) is None for end in range(len(line)))
    assert parse_line(b"}}\n") is None
    assert parse_line(b',"1234567890123456":{}\n') is None
