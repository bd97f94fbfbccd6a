"""What the tests of the simulated OpenRouter have in common: asking it, and reading its streams byte by byte."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_prices import Counts
from llmhub.simulators.openrouter_script import DUMMY_KEY
from simulators.talking import DATA, HELLO, Answer, ask

KEY = {"Authorization": f"Bearer {DUMMY_KEY}"}
CHAT = "/api/v1/chat/completions"
COMMENT = ": OPENROUTER PROCESSING"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius"]}},
            "required": ["city", "unit"],
        },
    },
}


async def get(sim: OpenRouterSimulator, path: str, *, key: bool = True) -> Answer:
    """One request for something below `/api/v1`."""
    return await ask(sim.origin, "GET", f"/api/v1{path}", headers=KEY if key else None)


async def talk(sim: OpenRouterSimulator, model: str = "openai/gpt-4o", **fields: Any) -> Answer:
    """One chat, streamed unless said otherwise; `fields` are those of the request."""
    body = {"model": model, "messages": HELLO, "stream": True, **fields}
    return await ask(sim.origin, "POST", CHAT, body, headers=KEY)


def blocks(answer: Answer | bytes) -> list[str]:
    """The blocks of a stream, between its empty lines."""
    data = answer if isinstance(answer, bytes) else answer.body
    return [block for block in data.decode().split("\n\n") if block]


def chunks(answer: Answer | bytes) -> list[dict[str, Any]]:
    """The JSON events of a stream, amounts as decimals."""
    events = [block.removeprefix("data: ") for block in blocks(answer) if block.startswith("data: ")]
    return [json.loads(event, parse_float=Decimal) for event in events if event != "[DONE]"]


def deltas(answer: Answer, name: str) -> list[Any]:
    """What stands under `name` in the deltas that have it."""
    found = [choice["delta"].get(name) for chunk in chunks(answer) for choice in chunk["choices"]]
    return [value for value in found if value]


def text(answer: Answer) -> str:
    """The words of an answer."""
    return "".join(deltas(answer, "content"))


def usage(answer: Answer) -> dict[str, Any]:
    """The usage, wherever it stands; there is exactly one."""
    found = [chunk["usage"] for chunk in chunks(answer) if "usage" in chunk]
    assert len(found) == 1
    return dict(found[0])


def finish(answer: Answer) -> list[str]:
    """The finish reasons of a stream."""
    reasons = [choice.get("finish_reason") for chunk in chunks(answer) for choice in chunk["choices"]]
    return [reason for reason in reasons if reason]


def counts(said: dict[str, Any]) -> Counts:
    """The counts of a usage object."""
    prompt, completion = said["prompt_tokens_details"], said["completion_tokens_details"]
    return Counts(
        prompt=said["prompt_tokens"],
        cached=prompt["cached_tokens"],
        written=prompt["cache_write_tokens"],
        completion=said["completion_tokens"],
        reasoning=completion["reasoning_tokens"],
    )


def money(answer: Answer) -> Any:
    """The body of an answer, amounts as decimals."""
    return json.loads(answer.body, parse_float=Decimal)


def example(name: str) -> Any:
    """A contract example of OpenRouter: an object, or the bytes of a stream."""
    path = DATA / "contracts" / f"openrouter-{name}"
    return path.read_bytes() if path.suffix == ".sse" else json.loads(path.read_text("utf-8"))


def keys(value: Any) -> Any:
    """The keys of a JSON value at every depth, without the kinds: nearly everything may also be null."""
    if isinstance(value, dict):
        return {key: keys(item) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [keys(value[0])]
    return None
