"""What is sent to a model, and what a chat's earlier questions and replies tell: pure functions."""

from __future__ import annotations

from typing import Any

from llmhub.core.chat import Message, Think
from llmhub.core.conversations import Chat, LaneSetup, Node
from llmhub.core.models import InstalledModel, ModelDetails
from llmhub.core.turns import Turn


def think_for(setup: LaneSetup, installed: InstalledModel | None, details: ModelDetails | None) -> Think:
    """What is sent as `think`: explicit for models that can, nothing for those that cannot (trap T11)."""
    able = installed.capabilities if installed else None
    if able is None and details is not None:
        able = details.capabilities
    if able is None or "thinking" not in able:
        return None
    if setup.think is None:
        return True
    if isinstance(setup.think, bool) or setup.think in {"low", "medium", "high", "max"}:
        return setup.think  # type: ignore[return-value]
    return True


def without_oldest(messages: tuple[Message, ...], turns: int) -> tuple[Message, ...]:
    """`messages` without the `turns` oldest questions and their replies; system messages and the last question stay."""
    system = tuple(message for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    starts = [at for at, message in enumerate(rest) if message.role == "user"]
    cut = starts[min(turns, len(starts) - 1)] if starts else 0
    return system + tuple(rest[cut:])


def turns_to_drop(messages: tuple[Message, ...], prompt_tokens: int, context_tokens: int, spare: int) -> int:
    """How many of the oldest turns must go so that the prompt and `spare` tokens of reply fit, by their share of bytes.

    0 when not even the last question alone would fit.
    """
    size = sum(len(message.text.encode()) for message in messages) or 1
    per_byte = prompt_tokens / size
    questions = sum(1 for message in messages if message.role == "user")
    for turns in range(1, questions):
        kept = without_oldest(messages, turns)
        if sum(len(message.text.encode()) for message in kept) * per_byte + spare <= context_tokens:
            return turns
    return 0


def question_texts(chat: Chat) -> list[str]:
    """What the person has asked in this chat, oldest first, each once: for going back through earlier prompts."""
    seen: dict[str, None] = {}
    for node in chat.nodes.values():
        if node.role == "user":
            seen.pop(node.content, None)
            seen[node.content] = None
    return list(seen)


def reply_turn(node: Node) -> Turn | None:
    """The turn of a stored reply, for its metrics line; `None` where it was never booked or cannot be read."""
    facts: dict[str, Any] = node.metrics
    if not facts:
        return None
    try:
        return Turn.from_record(facts)
    except ValueError:
        return None
