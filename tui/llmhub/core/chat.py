"""What is asked of a model, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from llmhub.core.limits import DEFAULT_CONTEXT_TOKENS, DEFAULT_MAX_TOKENS
from llmhub.core.places import Place

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """Plain text of a message."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image, as the bytes of its file."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """Thoughts of an assistant message; sent back only to backends that want them."""

    text: str
    details: str = ""
    """What a provider wants back unchanged (signed or encrypted thoughts): JSON objects, one a line, in sequence."""


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A model asks for a tool. `arguments` is the JSON object as text, exactly as it came."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool answered."""

    call_id: str
    name: str
    text: str


Part = TextPart | ImagePart | ThinkingPart | ToolCallPart | ToolResultPart


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, role: Role, text: str) -> Message:
        """A message of text alone."""
        return cls(role, (TextPart(text),))

    @property
    def text(self) -> str:
        """Its text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def thinking(self) -> str:
        """Its thoughts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, ThinkingPart))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function a model may ask for; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """Sampling. `None` is not sent, so that the model's own preset holds."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


Think = bool | Literal["low", "medium", "high", "max"] | None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to one backend, whole (design.md, section 9).

    `num_ctx` is always sent to Ollama. `truncate` and `shift` are false always, so that nothing is cut in silence.
    """

    model: str
    messages: tuple[Message, ...]
    params: SamplingParams = SamplingParams()
    think: Think = None
    num_ctx: int = DEFAULT_CONTEXT_TOKENS
    truncate: bool = False
    shift: bool = False
    max_tokens: int = DEFAULT_MAX_TOKENS
    tools: tuple[Tool, ...] = ()
    keep_alive: str | int | None = None

    @property
    def prompt_bytes(self) -> int:
        """UTF-8 bytes of all text sent."""
        return sum(len(message.text.encode()) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one turn. `None` is unknown, never 0 by assumption.

    `completion` includes `reasoning`; `prompt` includes `cached`.
    """

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    source: Literal["daemon", "provider", "estimate", "none"] = "none"


@dataclass(frozen=True, slots=True)
class Durations:
    """What a daemon measured, integer nanoseconds; `None` where it said nothing."""

    total_ns: int | None = None
    load_ns: int | None = None
    prompt_eval_ns: int | None = None
    eval_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """What a provider says it charged, verbatim."""

    cost_usd: Decimal | None
    raw: str
    """The JSON object as it came, as text."""
    is_byok: bool = False
    upstream_usd: Decimal | None = None


# -- events, in the order in which a backend may send them ---------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """The response headers are there. `generation_id` is what a cloud provider can be asked for later."""

    generation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """Who really answers, as far as it is known by now."""

    place: Place
    model: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing has come for a while. Told to the person; nothing is killed.

    `silent_s` counts from the last byte, or from the request when there was none (`started` false: it loads or queues).
    """

    silent_s: float
    started: bool


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Text of the answer. `pieces` is how many chunks of the stream it joins."""

    text: str
    pieces: int = 1


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """Text of the thoughts."""

    text: str
    pieces: int = 1
    details: str = ""
    """More lines for `ThinkingPart.details`; there may be some without any text."""


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A tool call, whole: a backend joins fragments before it sends one."""

    index: int
    call: ToolCallPart


FinishReason = Literal["stop", "length", "context_full", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Finished:
    """The proper end of a reply; exactly one, and the last event."""

    reason: FinishReason
    usage: Usage = Usage()
    durations: Durations = Durations()
    bill: Bill | None = None


ChatEvent = Accepted | Served | Waiting | TextDelta | ThinkingDelta | ToolCallDelta | Finished
