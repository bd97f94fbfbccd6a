"""Every OpenRouter contract file, answered by the simulated provider over a real socket and read by our one transport.

What the files mean is proved where something asks for them; here none is left out, also those of endpoints that only
a management key may ask, and tables of several answers.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from llmhub.net import make_client
from llmhub.net.client import as_json
from llmhub.net.lines import LineSplitter
from llmhub.net.sse import EventReader
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_script import OpenRouterScript

FILES = sorted((Path(__file__).parents[1] / "data" / "contracts").glob("openrouter-*"))


def test_no_contract_file_is_missing() -> None:
    assert len(FILES) == 23


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
async def test_the_file_comes_through_unchanged(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    client = make_client()

    async with OpenRouterSimulator(OpenRouterScript().at_once()) as simulator:
        simulator.replay_next(text, path=None)
        reply = await client.request("GET", f"{simulator.url}/models")
        await client.aclose()

    assert reply.status == 200
    if file.suffix == ".sse":
        reader, lines = EventReader(), LineSplitter()
        events = [event.data for event in reader.feed([*lines.feed(reply.body), b""])]
        told = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data:")]
        assert events == told
        assert all(event == "[DONE]" or isinstance(as_json(event), dict) for event in events)
    else:
        read = json.loads(reply.text, parse_float=Decimal)
        assert read == json.loads(text, parse_float=Decimal)
        assert isinstance(as_json(reply.body), type(read))
