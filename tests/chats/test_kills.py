"""A chat keeps all that was said to be saved, whenever llmhub is killed."""

from __future__ import annotations

from pathlib import Path
from random import Random
from time import sleep

from llmhub.chats.files import ChatFiles
from support.booking import stock
from support.nursery import LIMIT_S, Acknowledged, Nursery


def test_kills_at_random_instants_lose_nothing_that_was_saved(tmp_path: Path) -> None:
    folder, acknowledged, random = tmp_path / "chats", Acknowledged(tmp_path / "acknowledged"), Random(5)
    nursery = Nursery()
    for _ in range(20):
        before = len(acknowledged)
        child = nursery.start("chat_for_ever", folder=str(folder), acknowledged=str(acknowledged.path))
        acknowledged.wait_for(before + 1 + random.randrange(4))
        sleep(random.random() * 0.01)
        nursery.kill(child)

        files = ChatFiles(folder, retry_s=None)
        chat = files.read("chat").result(LIMIT_S)
        assert len(files.summaries().result(LIMIT_S)) == 1
        files.close()

        text = chat.nodes["n"].content
        assert all(piece in text for piece in acknowledged.ids()[before:])
        assert len(text) % 26 == 0
        for path in folder.glob("chat*.json"):
            stock(path)
    nursery.close()
