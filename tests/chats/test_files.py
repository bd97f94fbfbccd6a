"""Conversations on disk: what was saved is there, whole, however long, whoever died, and in whichever llmhub."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import Query, TinyDB

from llmhub.chats.entries import from_records, is_sane, merged, to_records
from llmhub.chats.files import ChatFiles
from llmhub.chats.shelf import KEPT_OPEN
from llmhub.chats.summaries import INDEX
from llmhub.core.conversations import Chat, LaneSetup
from llmhub.core.errors import StorageError
from llmhub.core.identity import new_id
from llmhub.core.ports import ChatStore
from llmhub.storage.disk import Disk
from llmhub.storage.layout import CLOSING
from llmhub.storage.records import encode
from support.booking import NOON, Clock, stock
from support.disks import CountingDisk

SETUP = LaneSetup("ollama", "llama3.1:8b", num_ctx=8192)


class Broken(CountingDisk):
    """A disk that takes nothing while `full` is set."""

    def __init__(self) -> None:
        super().__init__(self._refuse)
        self.full = False

    def _refuse(self, name: str, _number: int) -> None:
        if self.full and name in {"write", "make_folder"}:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chats"


@pytest.fixture
def disk() -> Broken:
    return Broken()


@pytest.fixture
async def files(folder: Path, disk: Broken) -> AsyncIterator[ChatFiles]:
    files = ChatFiles(folder, disk=disk, retry_s=None)
    yield files
    await files.aclose()


def a_chat(question: str = "What is a monad?", answer: str = "A burrito.") -> tuple[Chat, list[dict[str, object]]]:
    """A chat of one turn, and its entries."""
    chat = Chat(new_id())
    entries = chat.start()
    more, lane = chat.add_lane(SETUP)
    entries += more
    more, asked = chat.ask(question, [lane])
    entries += more
    more, reply = chat.begin_reply(
        lane, asked[lane], turn_id=new_id(), model=SETUP.model, place={"kind": "this_machine"}
    )
    entries += more
    entries += chat.extend(reply, answer, "hm")
    entries += chat.finish_reply(reply, "complete", metrics={"tokens": 3, "per_s": 47.3})
    return chat, entries


def same(one: Chat, other: Chat) -> bool:
    def told(chat: Chat) -> Any:
        nodes = {
            node.id: (
                node.parent,
                node.lane,
                node.role,
                node.content,
                "".join(node.thinking),
                node.status,
                node.metrics,
            )
            for node in chat.nodes.values()
        }
        return (chat.id, chat.title, chat.system, chat.lanes, chat.heads, nodes)

    return bool(told(one) == told(other))


async def test_it_is_the_chat_store_of_the_ports_and_making_one_touches_nothing(folder: Path) -> None:
    store: ChatStore = ChatFiles(folder)

    assert store.unsaved == 0
    assert await store.list() == []
    assert not folder.exists()


async def test_a_chat_comes_back_as_it_was_saved(files: ChatFiles, folder: Path) -> None:
    chat, entries = a_chat()

    assert await files.save(chat.id, entries) is True

    assert same(await files.open(chat.id), chat)
    again = ChatFiles(folder)
    assert same(await again.open(chat.id), chat)
    await again.aclose()


async def test_entries_of_many_saves_stay_in_order_when_nobody_waits(files: ChatFiles) -> None:
    chat, entries = a_chat()
    for entry in entries:
        files.save(chat.id, [entry])
    reply = next(node.id for node in chat.nodes.values() if node.role == "assistant")
    for number in range(100):
        files.save(chat.id, chat.extend(reply, f" {number}"))

    assert same(await files.open(chat.id), chat)


async def test_stock_tinydb_reads_a_chat_and_a_search_finds_what_was_said(files: ChatFiles, folder: Path) -> None:
    chat, entries = a_chat()
    await files.save(chat.id, entries)

    with TinyDB(folder / f"{chat.id}.json", access_mode="r") as stock_db:
        found = stock_db.search(Query().entry.text == "A burrito.")

    assert found[0]["entry"]["kind"] == "more"
    assert {"v", "kind", "id", "at", "day", "crc"} <= found[0].keys()


TEXTS = {
    "long": "All work and no play. " * 20_000,
    "wide": "\u20ac\U0001f600\u0000\x1b[2J\n" * 20_000,
    "quotes": '"\\' * 50_000,
    "half a character": "\ud83d" * 30_000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_a_text_of_any_length_comes_back_equal_and_no_record_is_too_long(
    files: ChatFiles, folder: Path, text: str
) -> None:
    chat, entries = a_chat(question=text, answer=text)
    reply = next(node.id for node in chat.nodes.values() if node.role == "assistant")
    entries += chat.extend(reply, text, text)
    entries += chat.set_system(text)

    assert await files.save(chat.id, entries)

    assert same(await files.open(chat.id), chat)
    lines = (folder / f"{chat.id}.json").read_bytes().splitlines()
    assert max(len(line) for line in lines) <= 65_536 + 20


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300), st.integers(1, 600))
def test_signed_thoughts_of_any_length_come_back_equal(details: str, times: int) -> None:
    entry = {"kind": "more", "id": "n1", "text": "", "thinking": "", "details": details * times}

    records = to_records(entry | {"at": "2026-11-20T12:00:00.000Z"}, NOON)

    assert all(len(encode(record)) <= 65_536 for record in records)
    back = [part for _, part in from_records(records)]
    assert "".join(str(part.get("details", "")) for part in back) == details * times


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300), st.integers(1, 600), st.sampled_from(["node", "more", "system", "title"]))
def test_every_entry_survives_the_way_to_records_and_back(text: str, times: int, kind: str) -> None:
    entry = {
        "kind": kind,
        "id": "n1",
        "role": "user",
        "text": text * times,
        "title": "t",
        "at": "2026-11-20T12:00:00.000Z",
    }

    records = to_records(entry, NOON)

    assert all(len(encode(record)) <= 65_536 for record in records)
    back = [entry for _, entry in from_records(records)]
    assert "".join(str(part.get("text", "")) for part in back) == text * times
    assert {part["kind"] for part in back} <= {kind, "more"}


async def test_absurd_facts_in_an_entry_lose_only_themselves(files: ChatFiles) -> None:
    chat, entries = a_chat()
    reply = next(node.id for node in chat.nodes.values() if node.role == "assistant")
    entries += chat.finish_reply(
        reply, "error", metrics={"nan": float("nan"), "huge": 10**400, "fine": 1, "odd": object()}
    )

    assert await files.save(chat.id, entries)

    assert (await files.open(chat.id)).nodes[reply].metrics == {"nan": None, "huge": None, "fine": 1, "odd": None}


# -- failure ----------------------------------------------------------------------------------


async def test_what_cannot_be_written_is_kept_counted_shown_and_saved_later(
    files: ChatFiles, disk: Broken, folder: Path
) -> None:
    chat, entries = a_chat()
    disk.full = True

    assert await files.save(chat.id, entries) is False
    assert files.unsaved == len(entries)
    assert same(await files.open(chat.id), chat)
    assert [told.happened for told in files.take_notices()] == ["The disk is full"]
    assert files.problem is not None

    disk.full = False
    assert await files.save(chat.id, chat.rename("Burritos")) is True
    assert (files.unsaved, files._shelf.problem) == (0, None)
    other = ChatFiles(folder)
    assert same(await other.open(chat.id), chat)
    await other.aclose()


async def test_what_cannot_be_written_is_tried_again_without_a_further_save(folder: Path, disk: Broken) -> None:
    files = ChatFiles(folder, disk=disk, retry_s=0.01)
    chat, entries = a_chat()
    disk.full = True
    await files.save(chat.id, entries)

    disk.full = False
    while files.unsaved:
        await asyncio.sleep(0.001)

    assert (folder / f"{chat.id}.json").exists()
    assert await files.aclose() == 0


async def test_closing_says_how_much_is_lost(folder: Path, disk: Broken) -> None:
    files = ChatFiles(folder, disk=disk, retry_s=None)
    chat, entries = a_chat()
    disk.full = True
    files.save(chat.id, entries)

    assert await files.aclose() == len(entries)
    assert await files.save(chat.id, chat.rename("late")) is False
    assert files.unsaved == len(entries) + 1


async def test_a_chat_that_is_not_there_is_an_error_in_three_parts(files: ChatFiles) -> None:
    with pytest.raises(StorageError, match="There is no such chat"):
        await files.open(new_id())


@pytest.mark.parametrize("chat_id", ["../escaped", "a/b", "", "a.b", "a\n", "x" * 65, "list.index"])
async def test_no_id_leads_out_of_the_folder(files: ChatFiles, chat_id: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a chat's id"):
        files.save(chat_id, [{"kind": "chat"}])

    assert not list(tmp_path.glob("escaped*"))


async def test_a_torn_end_costs_the_unfinished_entry_only_and_is_told(files: ChatFiles, folder: Path) -> None:
    chat, entries = a_chat()
    await files.save(chat.id, entries)
    await files.aclose()
    path = folder / f"{chat.id}.json"
    path.write_bytes(path.read_bytes().removesuffix(CLOSING) + b',"99":{"v":1,"kind":"entry","en')
    again = ChatFiles(folder)

    assert same(await again.open(chat.id), chat)

    assert len(again.take_notices()) == 1
    stock(path)
    await again.aclose()


async def test_damage_and_entries_that_make_no_sense_cost_themselves_only(files: ChatFiles, folder: Path) -> None:
    chat, entries = a_chat()
    nonsense: list[dict[str, object]] = [
        {"kind": "node"},
        {"kind": "lane", "lane": "x", "setup": {}},
        {"kind": "lane", "lane": 1, "setup": {"backend": "b"}},
        {"kind": "head"},
        {"kind": "title"},
        {"kind": "more", "text": "lost"},
        {"kind": "chat", "created_at": "yesterday"},
        {"kind": "end", "id": "nobody", "at": "never"},
        {"kind": "from a newer llmhub", "what": 1},
        {},
    ]
    await files.save(chat.id, [*entries, *nonsense])
    await files.aclose()
    path = folder / f"{chat.id}.json"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:-3], b"\x00junk\n", *lines[-3:]]))

    again = ChatFiles(folder)
    assert same(await again.open(chat.id), chat)
    assert (folder / f"{path.name}.cut-1").read_bytes() == b"junk" or (folder / f"{path.name}.cut-1").exists()
    await again.aclose()


# -- two llmhubs ------------------------------------------------------------------------------


async def test_two_llmhubs_in_one_chat_lose_nothing(folder: Path) -> None:
    first, second = ChatFiles(folder), ChatFiles(folder)
    chat, entries = a_chat()
    await first.save(chat.id, entries)
    other = await second.open(chat.id)
    for number in range(5):
        for files, known in ((first, chat), (second, other)):
            question, asked = known.ask(f"question {number}", [0])
            reply_entries, reply = known.begin_reply(0, asked[0], turn_id=new_id(), model="m", place={})
            await files.save(chat.id, question + reply_entries + known.extend(reply, f"answer {number}"))

    both = await ChatFiles(folder).open(chat.id)

    assert sorted(path.name for path in folder.glob("*.json")) == [f"{chat.id}.2.json", f"{chat.id}.json"]
    assert both.nodes.keys() == chat.nodes.keys() | other.nodes.keys()
    contents = {node.id: node.content for known in (chat, other) for node in known.nodes.values()}
    assert {node.id: node.content for node in both.nodes.values()} == contents
    (row,) = await second.list()
    assert row.turns == 11
    await first.aclose()
    await second.aclose()


def test_no_entry_comes_before_the_message_it_speaks_of_whatever_the_clocks_said() -> None:
    first: list[tuple[str, dict[str, Any]]] = [
        ("2026-11-20T12:00:00.000Z", {"kind": "node", "id": "q", "role": "user"})
    ]
    second: list[tuple[str, dict[str, Any]]] = [
        ("1970-01-01T00:00:00.000Z", {"kind": "node", "id": "a", "role": "assistant", "parent": "q"}),
        ("1970-01-01T00:00:00.001Z", {"kind": "more", "id": "a", "text": "one"}),
        ("1969-01-01T00:00:00.000Z", {"kind": "more", "id": "a", "text": "two"}),
        ("1970-01-01T00:00:00.002Z", {"kind": "head", "lane": 0, "node": "a"}),
        ("1970-01-01T00:00:00.002Z", {"kind": "more", "id": "never made", "text": "?"}),
    ]

    chat = Chat.replay("c", merged([first, second]))

    assert chat.nodes["a"].content == "onetwo"
    assert list(chat.nodes) == ["q", "a"]
    assert chat.heads == {0: "a"}


async def test_only_so_many_chats_stay_locked(files: ChatFiles, folder: Path) -> None:
    ids = []
    for _ in range(KEPT_OPEN + 5):
        chat, entries = a_chat()
        await files.save(chat.id, entries)
        ids.append(chat.id)

    assert len(files._shelf._owned) == KEPT_OPEN
    await files.save(ids[0], [{"kind": "title", "title": "again", "own": True}])
    assert len(list(folder.glob("*.json"))) == len(ids)


# -- the list ---------------------------------------------------------------------------------


async def test_the_list_shows_the_last_used_first(folder: Path) -> None:
    clock = Clock()
    files = ChatFiles(folder, clock=clock)
    old, entries = a_chat("An old question")
    await files.save(old.id, entries)
    new, entries = a_chat("A new question")
    await files.save(new.id, entries)
    await files.save(old.id, old.rename("Renamed"))

    rows = await files.list()

    assert [(row.id, row.title, row.turns, row.models) for row in rows] == [
        (old.id, "Renamed", 1, ("llama3.1:8b",)),
        (new.id, "A new question", 1, ("llama3.1:8b",)),
    ]
    assert rows[0].updated_at >= rows[1].updated_at > datetime(2020, 1, 1, tzinfo=UTC)
    await files.aclose()


async def test_listing_reads_only_what_changed(folder: Path) -> None:
    files = ChatFiles(folder)
    chats = [a_chat(f"question {number}") for number in range(20)]
    for chat, entries in chats:
        await files.save(chat.id, entries)
    await files.list()
    await files.aclose()
    disk = CountingDisk()
    again = ChatFiles(folder, disk=disk)

    assert len(await again.list()) == 20
    assert disk.calls.count("open") == 1, "only the list itself is opened"
    disk.calls.clear()
    chat = chats[7][0]
    await again.save(chat.id, chat.rename("changed"))
    disk.calls.clear()
    rows = await again.list()

    assert rows[0].title == "changed"
    assert disk.calls.count("open") == 1
    await again.aclose()


@pytest.mark.parametrize("spoilt", [b"", b"junk", b'{"_default":{\n}}\n', None])
async def test_a_spoilt_list_is_made_again(folder: Path, spoilt: bytes | None) -> None:
    files = ChatFiles(folder)
    for _ in range(3):
        chat, entries = a_chat()
        await files.save(chat.id, entries)
    expected = await files.list()
    await files.aclose()
    index = folder / INDEX
    assert index.exists()
    if spoilt is None:
        index.write_bytes(index.read_bytes().replace(b"1", b"3"))
    else:
        index.write_bytes(spoilt)

    again = ChatFiles(folder)

    assert await again.list() == expected
    await again.aclose()


async def test_a_deleted_chat_is_gone_everywhere(files: ChatFiles, folder: Path) -> None:
    kept, entries = a_chat()
    await files.save(kept.id, entries)
    gone, entries = a_chat()
    await files.save(gone.id, entries)
    (folder / f"{gone.id}.2.json").write_bytes((folder / f"{gone.id}.json").read_bytes())
    await files.list()

    await files.delete(gone.id)

    assert [row.id for row in await files.list()] == [kept.id]
    assert [path.name for path in folder.glob("*.json")] == [f"{kept.id}.json"]
    with pytest.raises(StorageError):
        await files.open(gone.id)


async def test_deleting_a_chat_that_was_never_written_forgets_what_waits(files: ChatFiles, disk: Broken) -> None:
    chat, entries = a_chat()
    disk.full = True
    await files.save(chat.id, entries)

    await files.delete(chat.id)

    assert files.unsaved == 0


async def test_commands_read_chats_without_a_loop(files: ChatFiles, folder: Path) -> None:
    chat, entries = a_chat()
    await files.save(chat.id, entries)

    def command() -> tuple[int, Chat]:
        reader = ChatFiles(folder)
        found = len(reader.summaries().result(10)), reader.read(chat.id).result(10)
        reader.close()
        return found

    count, read = await asyncio.to_thread(command)

    assert count == 1
    assert same(read, chat)


def test_entries_of_an_unknown_kind_are_sane() -> None:
    assert is_sane({"kind": "from a newer llmhub"})
    assert is_sane({"kind": "drop_lane", "lane": 1})
    assert not is_sane({"kind": "drop_lane", "lane": []})


def test_files_of_chats_are_private(folder: Path) -> None:
    files = ChatFiles(folder)
    chat, entries = a_chat()
    files.save(chat.id, entries).result(10)
    files.summaries().result(10)
    files.close()

    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}
    assert Disk().names(folder)
