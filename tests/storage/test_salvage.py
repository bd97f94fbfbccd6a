"""Damaged contents: damage costs the damaged lines only, and nothing that was cut is deleted."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from llmhub.storage.append_file import AppendFile
from llmhub.storage.disk import Disk
from llmhub.storage.layout import CLOSING, HEADER, salvage
from llmhub.storage.mending import mend
from llmhub.storage.reading import read_on
from support.booking import stock
from support.disks import CountingDisk

COUNT = 9
LINES_BEFORE = 1


def written(path: Path, count: int = COUNT) -> list[bytes]:
    """A file of `count` records, and its lines."""
    file = AppendFile.claim(path, Disk())
    assert file is not None
    for number in range(1, count + 1):
        file.append([{"v": 1, "kind": "turn", "id": f"turn-{number}", "nested": {"7": {"figure": 10**12 + number}}}])
    file.close()
    return path.read_bytes().splitlines(keepends=True)


def flipped(line: bytes) -> bytes:
    place = line.index(b"10000000") + 3
    return line[:place] + b"7" + line[place + 1 :]


def lost_brace(line: bytes) -> bytes:
    return line.replace(b"}}", b"}", 1)


Damage = Callable[[list[bytes]], bytes]
DAMAGES: dict[str, tuple[Damage, set[int], bool]] = {
    # what is done to the lines, the records it may cost, whether something must be set aside
    "a lost brace": (lambda lines: b"".join([*lines[:4], lost_brace(lines[4]), *lines[5:]]), {4}, True),
    "a junk line": (lambda lines: b"".join([*lines[:4], b"\x00\xffjunk {{{ \n", *lines[4:]]), set(), True),
    "a block of zeros": (lambda lines: b"".join([*lines[:4], bytes(4096), *lines[4:]]), set(), False),
    "a record of zeros": (lambda lines: b"".join([*lines[:4], bytes(len(lines[4])), *lines[5:]]), {4}, False),
    "the first half": (lambda lines: b"".join(lines)[: len(b"".join(lines)) // 2], {5, 6, 7, 8, 9}, True),
    "the second half": (lambda lines: b"".join(lines)[len(b"".join(lines)) // 2 :], {1, 2, 3, 4, 5}, True),
    "carriage returns": (lambda lines: b"".join(lines).replace(b"\n", b"\r\n"), set(), False),
    "a byte order mark": (lambda lines: b"\xef\xbb\xbf" + b"".join(lines), set(), False),
    "itself twice": (lambda lines: b"".join(lines) * 2, set(), False),
    "nothing": (lambda _lines: b"", set(range(1, COUNT + 1)), False),
    "only zeros": (lambda _lines: bytes(5000), set(range(1, COUNT + 1)), False),
    "no header": (lambda lines: b"".join(lines[1:]), set(), False),
    "no closing line": (lambda lines: b"".join(lines[:-1]), set(), False),
    "a lost newline": (lambda lines: b"".join(lines).replace(lines[4], lines[4].rstrip(b"\n")), set(), False),
    "a web page": (lambda _lines: b"<html>\n<body>no space</body>\n</html>\n", set(range(1, COUNT + 1)), True),
    "other json": (lambda _lines: b'{"turns":[1,2,3]}\n', set(range(1, COUNT + 1)), True),
    "an indented rewriting": (lambda lines: json.dumps(json.loads(b"".join(lines)), indent=2).encode(), set(), False),
    "a rewriting by stock TinyDB": (lambda lines: json.dumps(json.loads(b"".join(lines))).encode(), set(), False),
}


def numbers(path: Path) -> list[int]:
    return [int(document["id"].removeprefix("turn-")) for document in stock(path).values()]


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_costs_the_damaged_lines_only(tmp_path: Path, name: str) -> None:
    damage, cost, kept_aside = DAMAGES[name]
    path = tmp_path / "a.json"
    lines = written(path)
    path.write_bytes(damage(lines))

    reading = read_on(Disk(), path, lambda _record: None)
    repairs = mend(Disk(), path, None, damaged=reading.junk > 0)

    assert numbers(path) == [number for number in range(1, COUNT + 1) if number not in cost]
    aside = list(tmp_path.glob("a.json.cut-*"))
    assert bool(aside) == kept_aside
    assert repairs is not None
    assert [repair.aside for repair in repairs if repair.aside] == aside


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_read_as_it_will_be_after_it_was_mended(tmp_path: Path, name: str) -> None:
    damage, _, _ = DAMAGES[name]
    path = tmp_path / "a.json"
    path.write_bytes(damage(written(path)))
    seen: list[str] = []

    reading = read_on(Disk(), path, lambda record: seen.append(record["id"]), restart=seen.clear)
    mend(Disk(), path, None, damaged=reading.junk > 0)

    after = [f"turn-{number}" for number in numbers(path)]
    assert seen == after[: len(seen)]
    assert seen == after or not reading.closed


def test_a_flipped_figure_in_a_closed_file_is_told_and_never_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for place in (1, 4, COUNT):
        path.unlink(missing_ok=True)
        lines = written(path)
        lines[place] = flipped(lines[place])
        path.write_bytes(b"".join(lines))

        seen: list[dict[str, object]] = []
        reading = read_on(Disk(), path, seen.append)
        file = AppendFile.claim(path, Disk())

        assert len(seen) == COUNT
        assert (reading.unsound, reading.junk) == (1, 0)
        assert file is not None
        assert file.repairs == []
        assert numbers(path) == list(range(1, COUNT + 1))
        file.close()


def test_a_flipped_figure_in_an_unfinished_end_is_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    lines = written(path)
    path.write_bytes(b"".join([*lines[:COUNT], flipped(lines[COUNT])]))
    seen: list[str] = []

    reading = read_on(Disk(), path, lambda record: seen.append(record["id"]))

    assert len(seen) == COUNT - 1
    assert not reading.closed


def test_junk_at_every_place_of_a_file_costs_at_most_the_line_it_hits(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    whole = b"".join(written(path, 3))
    for place in range(len(whole)):
        damaged = whole[:place] + b"\n~\n" + whole[place:]

        saved = salvage(damaged)

        assert len(saved.documents) >= 2, f"junk at byte {place}"


def test_records_of_the_salvaged_file_are_the_bytes_they_were(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    lines = written(path)
    path.write_bytes(b"".join([*lines[:3], b"junk\n", *lines[3:]]))

    mend(Disk(), path, None, damaged=True)

    assert path.read_bytes() == b"".join(lines)


def test_a_file_that_cannot_be_set_aside_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    lines = written(path)
    damaged = b"".join([*lines[:3], b"junk\n", *lines[3:]])
    path.write_bytes(damaged)

    def full(name: str, _number: int) -> None:
        if name == "write":
            raise OSError(28, "No space left on device")

    assert mend(CountingDisk(full), path, None, damaged=True) is None

    assert path.read_bytes() == damaged
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_salvage_that_is_killed_at_any_call_can_be_done_again(tmp_path: Path) -> None:
    number, finished = 0, False
    while not finished:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "a.json"
        lines = written(path)
        path.write_bytes(b"".join([*lines[:3], b"junk\n", *lines[3:]]))
        finished = not _killed_in_a_child(number, path)

        mend(Disk(), path, None, damaged=read_on(Disk(), path, lambda _: None).junk > 0)

        assert numbers(path) == list(range(1, COUNT + 1))
        assert any(aside.read_bytes() == b"junk" for aside in folder.glob("a.json.cut-*"))
        assert not list(folder.glob("*.new-*")) or finished or number
    assert number > 8


def _killed_in_a_child(at: int, path: Path) -> bool:
    child = os.fork()
    if child == 0:

        def die(_name: str, number: int) -> None:
            if number == at:
                os.kill(os.getpid(), signal.SIGKILL)

        mend(CountingDisk(die), path, None, damaged=True)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_what_an_owner_left_that_died_while_it_rewrote_is_cleared_away_at_the_next_rewriting(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    written(path)
    (tmp_path / "a.json.new-01ABC").write_bytes(HEADER)

    file = AppendFile.claim(path, Disk())
    assert file is not None
    file.rewrite([])

    assert [found.name for found in tmp_path.iterdir()] == ["a.json"]
    assert path.read_bytes() == HEADER + CLOSING
