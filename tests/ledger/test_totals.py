"""Totals are exact: equal to a recount whatever happened to their cache, to the files, or to the clock."""

from __future__ import annotations

import json
import tempfile
import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tinydb import TinyDB

from llmhub.core.places import THIS_MACHINE
from llmhub.core.totals import Sums
from llmhub.ledger import cache
from llmhub.ledger.counting import unpacked_text
from llmhub.ledger.desk import Desk
from llmhub.ledger.history import History
from llmhub.storage.cache_file import seal, write_cache
from llmhub.storage.disk import Disk
from llmhub.storage.layout import CLOSING
from llmhub.storage.records import parse_line
from support.booking import CLOUD, Clock, a_turn, an_intent, booked_ids, recount, sums, turns_in
from support.disks import CountingDisk, FailingDisk, every_call

TOTALS = cache.NAME


class Unsynced(CountingDisk):
    """Hypothesis makes thousands of files: without waiting for the drive."""

    def sync(self, fd: int) -> None:
        self._before("sync")

    def sync_folder(self, folder: Path) -> None:
        self._before("sync_folder")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def opened(folder: Path, clock: Clock | None = None, disk: Disk | None = None) -> Desk:
    desk = Desk(folder, disk or Disk(), clock or Clock())
    desk.open()
    return desk


def booked(folder: Path, count: int, clock: Clock | None = None) -> None:
    desk = opened(folder, clock)
    for number in range(count):
        desk.book(a_turn(number, place=CLOUD if number % 3 else THIS_MACHINE), desk._clock())
        if clock is not None:
            clock.move(days=9)
    desk.close()


# -- any sequence -----------------------------------------------------------------------------

STEP = st.one_of(
    st.tuples(st.just("book"), st.integers(0, 1), st.integers(0, 500)),
    st.tuples(st.just("days"), st.integers(-400, 400), st.just(0)),
    st.tuples(st.just("poll"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("restart"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("cache"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("tear"), st.integers(1, 1200), st.just(0)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=25))
def test_totals_equal_a_recount_after_any_sequence(steps: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, clock = Path(place) / "ledger", Clock()
        desks = [opened(folder, clock, Unsynced()) for _ in range(2)]
        written = 0
        for what, which, number in steps:
            if what == "book":
                assert desks[which].book(a_turn(number), clock())
                written += 1
            elif what == "days":
                clock.move(days=which)
            elif what == "poll":
                desks[which].poll()
            elif what == "restart":
                desks[which].close()
                desks[which] = opened(folder, clock, Unsynced())
            elif what == "cache":
                spoil_the_cache(folder / TOTALS, which)
            elif what == "tear":
                for desk in desks:
                    desk.close()
                tear(folder, which)
                desks = [opened(folder, clock, Unsynced()) for _ in range(2)]
        for desk in desks:
            desk.poll()
            assert sums(desk.totals) == recount(folder)
            assert turns_in(desk.totals) == written
            desk.close()
        again = opened(folder, clock, Unsynced())
        assert sums(again.totals) == recount(folder)
        again.close()


def spoil_the_cache(path: Path, how: int) -> None:
    if not path.exists():
        return
    data = path.read_bytes()
    match how:
        case 0:
            path.unlink()
        case 1:
            path.write_bytes(b"")
        case 2:
            path.write_bytes(data[: len(data) // 2])
        case 3:
            path.write_bytes(data.replace(b"1", b"2"))


def tear(folder: Path, size: int) -> None:
    """An append that a kill left unfinished, at the end of the newest file."""
    files = sorted(folder.glob("turns-*.json"))
    if files:
        path = files[-1]
        path.write_bytes(
            path.read_bytes().removesuffix(CLOSING) + (b',"900":{"v":1,"kind":"turn","id":"' + b"x" * 1200)[:size]
        )


def test_any_call_may_fail_once_while_booking_and_every_turn_is_booked_once_and_counted_once(tmp_path: Path) -> None:
    turns = [a_turn(number) for number in range(3)]

    def work(folder: Path, disk: Disk) -> list[tuple[int, int]]:
        """After each turn: how many are counted, and how many of those are not on disk."""
        clock, seen = Clock(), []
        desk = opened(folder, clock, disk)
        for turn in turns:
            desk.begin(an_intent(turn), clock())
            desk.book(turn, clock())
            seen.append((turns_in(desk.totals), desk.totals.unsaved_turns))
            clock.move(days=20)
        desk.poll()
        seen.append((turns_in(desk.totals), desk.totals.unsaved_turns))
        desk.close()
        return seen

    for at in range(1, every_call(lambda disk: work(tmp_path / "whole", disk)) + 1):
        folder = tmp_path / str(at)

        seen = work(folder, FailingDisk(at))

        assert [counted for counted, _ in seen] == [1, 2, 3, 3], f"call {at}"
        assert seen[-1][1] == 0
        assert sorted(booked_ids(folder)) == sorted(turn.id for turn in turns)
        again = opened(folder)
        again.recover()
        assert sums(again.totals) == recount(folder)
        assert turns_in(again.totals) == 3
        again.close()


# -- the cache --------------------------------------------------------------------------------

SPOILS: dict[str, Any] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "junk": lambda path: path.write_bytes(b"\x00\xff not json" * 999),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "lines in another order": lambda path: path.write_bytes(
        b"".join(path.read_bytes().splitlines(keepends=True)[::-1])
    ),
    "one line missing": lambda path: path.write_bytes(
        b"".join(line for number, line in enumerate(path.read_bytes().splitlines(keepends=True)) if number != 3)
    ),
    "other figures": lambda path: path.write_bytes(path.read_bytes().replace(b"1", b"7")),
    "of another llmhub": lambda path: path.write_bytes(path.read_bytes().replace(b"turns", b"chats")),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_spoilt_cache_is_counted_again(folder: Path, spoil: str) -> None:
    booked(folder, 12, Clock())
    SPOILS[spoil](folder / TOTALS)

    desk = opened(folder)

    assert sums(desk.totals) == recount(folder)
    assert turns_in(desk.totals) == 12
    desk.book(a_turn(1), Clock()())
    desk.close()
    assert sums(opened(folder).totals) == recount(folder)


def test_a_cache_of_a_llmhub_with_other_sums_is_counted_again(folder: Path) -> None:
    booked(folder, 5)
    path = folder / TOTALS
    documents = [parsed.document for line in path.read_bytes().splitlines(True) if (parsed := parse_line(line))]
    first = json.loads(documents[0])
    first["fields"] = first["fields"][::-1]
    rows = json.loads(documents[2])
    inside = unpacked_text(rows["packed"])
    inside["rows"] = [[day, key, *figures[::-1]] for day, key, *figures in inside["rows"]]
    rows["packed"] = b64encode(zlib.compress(json.dumps(inside).encode())).decode()
    others = [seal({k: v for k, v in document.items() if k != "crc"}) for document in (first, rows)]
    write_cache(Disk(), path, [others[0], documents[1], others[1]])

    assert sums(opened(folder).totals) == recount(folder)


def test_a_stale_cache_is_read_on_from(folder: Path) -> None:
    booked(folder, 5)
    stale = (folder / TOTALS).read_bytes()
    booked(folder, 5)
    (folder / TOTALS).write_bytes(stale)

    assert turns_in(opened(folder).totals) == 10


def test_a_cache_of_other_files_is_not_believed(folder: Path, tmp_path: Path) -> None:
    booked(folder, 5)
    booked(tmp_path / "other", 7)
    (folder / TOTALS).write_bytes((tmp_path / "other" / TOTALS).read_bytes())

    assert turns_in(opened(folder).totals) == 5


def test_a_file_that_was_put_back_from_a_backup_is_counted_as_it_is_now(folder: Path) -> None:
    booked(folder, 5)
    (path,) = folder.glob("turns-*.json")
    old = path.read_bytes()
    booked(folder, 5)
    path.write_bytes(old)

    assert turns_in(opened(folder).totals) == 5
    path.unlink()
    assert turns_in(opened(folder).totals) == 0


def test_what_was_counted_is_not_read_again(folder: Path) -> None:
    booked(folder, 40, Clock())
    disk = CountingDisk()

    desk = opened(folder, disk=disk)

    assert turns_in(desk.totals) == 40
    assert disk.calls.count("open") == 1, "only the cache is opened"
    disk.calls.clear()
    desk.poll()
    assert set(disk.calls) <= {"stat"}
    desk.close()


def test_a_cache_that_cannot_be_saved_makes_nothing_fail(folder: Path) -> None:
    class NoCache(Disk):
        def replace(self, source: Path, target: Path) -> None:
            raise OSError(28, "No space left on device")

    desk = opened(folder, disk=NoCache())
    assert desk.book(a_turn(1), Clock()())
    desk.close()

    assert turns_in(opened(folder).totals) == 1


def test_the_cache_is_saved_while_running_so_that_a_kill_costs_little(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmhub.ledger.desk.SAVE_BYTES", 10_000)
    desk = opened(folder)
    for number in range(20):
        desk.book(a_turn(number), Clock()())
        desk.poll()

    assert (folder / TOTALS).exists()
    assert turns_in(opened(folder).totals) == 20


def test_turns_that_a_dead_process_left_uncounted_are_counted_when_its_file_is_taken_over(folder: Path) -> None:
    first, second = opened(folder), opened(folder)
    first.book(a_turn(1), Clock()())
    second.poll()
    first.book(a_turn(2), Clock()())
    first.close()

    second.book(a_turn(3), Clock()())

    assert len(list(folder.glob("turns-*.json"))) == 1
    assert turns_in(second.totals) == 3
    assert sums(second.totals) == recount(folder)
    second.close()


def test_figures_that_another_program_changed_are_counted_as_they_are_now(folder: Path) -> None:
    booked(folder, 3)
    desk = opened(folder)
    (path,) = folder.glob("turns-*.json")
    with TinyDB(path) as stock_db:
        tokens = stock_db.all()[1]["tokens"] | {"prompt": 9999, "completion": 999}  # of the same length as before
        stock_db.update({"tokens": tokens}, doc_ids=[2])

    desk.book(a_turn(3), Clock()())

    assert sums(desk.totals) == recount(folder)
    assert turns_in(desk.totals) == 4
    desk.close()


# -- clocks -----------------------------------------------------------------------------------

CLOCKS = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 12, tzinfo=UTC),
    datetime(2026, 11, 30, 23, 59, 59, tzinfo=timezone(timedelta(hours=14))),
    datetime(2026, 12, 1, 0, 0, 0, tzinfo=timezone(timedelta(hours=-12))),
    datetime(2024, 2, 29, 12, tzinfo=UTC),
]


def test_turns_of_any_clock_are_kept_and_counted_once(folder: Path) -> None:
    desk = opened(folder)
    for moment in [*CLOCKS, *CLOCKS[::-1]]:
        assert desk.book(a_turn(1), moment)

    assert turns_in(desk.totals) == 2 * len(CLOCKS)
    desk.close()
    again = opened(folder)
    assert turns_in(again.totals) == 2 * len(CLOCKS)
    assert {key.day for key, _ in again.totals.buckets} == {moment.date().isoformat() for moment in CLOCKS}
    assert len(booked_ids(folder)) == len(list(History(folder).turns())) == 2 * len(CLOCKS)
    again.close()


def test_a_clock_that_goes_backwards_across_a_month_loses_nothing(folder: Path) -> None:
    clock = Clock(datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC))
    desk = opened(folder, clock)
    for seconds in (0, -2, +2, -2, +3600):
        clock.move(seconds=seconds)
        desk.book(a_turn(1), clock())

    assert sorted(path.name for path in folder.glob("turns-*")) == ["turns-2026-11.json", "turns-2026-12.json"]
    assert turns_in(desk.totals) == 5
    desk.close()


def test_a_clock_that_jumps_about_uses_up_no_descriptors(folder: Path) -> None:
    clock = Clock()
    desk = opened(folder, clock)
    for _ in range(40):
        clock.move(days=31)
        assert desk.book(a_turn(1), clock())

    assert len(desk._owned) <= 4
    desk.close()


# -- time-proof -------------------------------------------------------------------------------

FROZEN = Path(__file__).parent.parent / "data" / "ledger" / "version-1"


def copied(folder: Path) -> Path:
    folder.mkdir()
    for path in FROZEN.glob("*.json"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_a_ledger_of_version_1_is_read_for_ever_and_not_rewritten_by_reading(folder: Path) -> None:
    copied(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    expected = json.loads((FROZEN.parent / "version-1-expected.txt").read_text())

    desk = opened(folder)
    desk.recover()

    (total,) = sums(desk.totals).values()
    known = {name: getattr(total, name) for name in expected}
    assert known == expected
    assert len(list(History(folder).turns())) == expected["turns"]
    assert (desk.totals.damaged_lines, desk.totals.newer_records) == (0, 0)
    desk.close()
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_a_newer_version_is_counted_as_far_as_understood_and_flagged(folder: Path) -> None:
    desk = opened(folder)
    desk.book(a_turn(1), Clock()())
    owned = next(iter(desk._owned.values()))
    newer = a_turn(2).to_record() | {
        "v": 7, "kind": "turn", "at": "2026-11-20T12:00:00.000Z", "day": "2026-11-20",
        "status": "paused", "place": {"kind": "orbit", "name": "station"}, "mood": {"green": True},
    }  # fmt: skip
    owned.append([newer, {"v": 7, "kind": "dream", "id": "d1", "at": "2026-11-20T12:00:00.000Z", "day": "2026-11-20"}])
    desk.poll()

    assert desk.totals.newer_records == 2
    assert desk.totals.damaged_lines == 0
    assert turns_in(desk.totals) == 2
    desk.close()

    again = opened(folder)
    assert (again.totals.newer_records, turns_in(again.totals)) == (2, 2)
    found = [booked for booked in History(folder).turns() if booked.newer]
    assert [booked.turn.extra for booked in found] == [{"mood": {"green": True}}]
    assert found[0].turn.to_record()["mood"] == {"green": True}
    again.close()


@pytest.mark.parametrize(
    "change",
    [
        {"day": "../../etc/passwd"},
        {"day": "2026-13-01"},
        {"day": None},
        {"tokens": {"prompt": "many", "completion": 1}},
        {"tokens": {"prompt": 1.5, "completion": 1}},
        {"status": "paused"},
        {"model": {"a": 1}, "started_at": 7},
        {"place": "here"},
        {"kind": "unheard of"},
        {"ns": [1, 2, 3]},
        {"energy": {"charged_mj": "1"}},
    ],
    ids=str,
)
def test_a_record_that_makes_no_sense_is_told_and_left_out(folder: Path, change: dict[str, Any]) -> None:
    desk = opened(folder)
    desk.book(a_turn(1), Clock()())
    owned = next(iter(desk._owned.values()))
    record = a_turn(2).to_record() | {"v": 1, "kind": "turn", "at": "2026-11-20T12:00:00.000Z", "day": "2026-11-20"}

    owned.append([record | change])
    desk.poll()

    assert desk.totals.damaged_lines == 1
    assert turns_in(desk.totals) == 1
    assert all(isinstance(figure, int) for _, total in desk.totals.buckets for figure in vars_of(total))
    desk.close()


def vars_of(total: Sums) -> list[int]:
    return [getattr(total, name) for name in Sums.__dataclass_fields__]


# -- damage -----------------------------------------------------------------------------------


def test_damage_is_mended_at_the_next_start_told_once_with_numbers_and_every_other_turn_counts(folder: Path) -> None:
    booked(folder, 9)
    (path,) = folder.glob("turns-*.json")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], lines[4][:-9] + b"\n", b"\x00\x01 junk\n", *lines[5:]]))

    desk = opened(folder)
    (told,) = desk.notices.take()

    assert told.happened == "A record file was damaged and has been mended"
    assert told.subject == f"{path.name}: 8 records kept, 2 lines were no records; they are in {path.name}.cut-1"
    assert (turns_in(desk.totals), desk.totals.damaged_lines) == (8, 2)
    assert sums(desk.totals) == recount(folder)
    desk.close()
    again = opened(folder)
    assert again.notices.take() == []
    assert (turns_in(again.totals), again.totals.damaged_lines) == (8, 0)
    again.close()


def test_damage_in_a_file_that_a_live_ledger_owns_is_mended_by_it(folder: Path) -> None:
    owner, reader = opened(folder), opened(folder)
    for number in range(5):
        owner.book(a_turn(number), Clock()())
    (path,) = folder.glob("turns-*.json")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"junk\n", *lines[3:]]))

    reader.poll()
    assert turns_in(reader.totals) == 5
    assert reader.totals.damaged_lines == 1
    owner.poll()
    owner.book(a_turn(9), Clock()())
    reader.poll()

    assert turns_in(owner.totals) == turns_in(reader.totals) == 6
    assert sums(owner.totals) == sums(reader.totals) == recount(folder)
    assert [aside.read_bytes() for aside in folder.glob("*.cut-*")] == [b"junk"]
    owner.close()
    reader.close()


def test_a_whole_folder_of_nonsense_does_not_stop_llmhub(folder: Path) -> None:
    folder.mkdir()
    (folder / "turns-2026-11.json").mkdir()
    (folder / "turns-2026-10.json").write_bytes(b"\xff\xfe" * 70_000)
    (folder / "turns-2026-09.json").write_bytes(b'{"_default":{\n' * 5000)
    (folder / "turns-2026-08.json").symlink_to("turns-2026-08.json")
    (folder / "turns-2026-07.json").write_bytes(b"")
    (folder / "corrections-2026-11.json").write_bytes(b"[]")
    (folder / "totals.json").symlink_to("/dev/full")
    (folder / "intents.json").write_bytes(b"{}")
    (folder / "profiles.json").write_bytes(b"\x00" * 100)

    desk = opened(folder)
    desk.recover()
    assert desk.book(a_turn(1), Clock()())
    assert desk.kept("profile") == []

    assert turns_in(desk.totals) == 1
    desk.close()
