"""What is sent to OpenRouter (OpenRouterTeam/docs openapi/openapi.yaml, ChatRequest, read at c26125a)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from llmhub.backends.openrouter_json import dict_of, texts_of
from llmhub.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    SamplingParams,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmhub.core.cloud import CloudModel

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is asked of the providers behind OpenRouter."""

    data_collection: Literal["deny", "allow"] = "deny"
    """`deny` leaves out every provider that may keep prompts or train on them."""
    zero_retention: bool = False
    """Leaves out every provider that keeps prompts for any time at all."""


STRICT = Privacy()


def chat_body(request: ChatRequest, privacy: Privacy, known: CloudModel | None = None) -> Body:
    """The body of a chat.

    `max_tokens` is always sent: some providers bill the whole answer after a cancel, so it is the most that is lost.

    Args:
        known: The model as it is listed, where that is known: whether it can think, and can leave it.
    """
    body: Body = {
        "model": request.model,
        "messages": [sent for message in request.messages for sent in _messages(message)],
        "stream": True,
        "max_tokens": request.max_tokens,
        **_params(request.params),
    }
    if (reasoning := _reasoning(request, known)) is not None:
        body["reasoning"] = reasoning
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    provider: Body = {"data_collection": privacy.data_collection}
    if privacy.zero_retention:
        provider["zdr"] = True
    return body | {"provider": provider}


def _params(params: SamplingParams) -> Body:
    said = {
        "temperature": params.temperature,
        "top_p": params.top_p,
        "top_k": params.top_k,
        "min_p": params.min_p,
        "repetition_penalty": params.repeat_penalty,
        "seed": params.seed,
        "stop": list(params.stop) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _reasoning(request: ChatRequest, known: CloudModel | None) -> Body | None:
    think = request.think
    if think is None:
        return None
    if think is True:
        return {"enabled": True}
    if think is not False:
        return {"effort": think}
    if known is None:
        return {"effort": "none"}
    if known.reasoning is None and "reasoning" not in known.supported_parameters:
        return None
    if dict_of(known.reasoning).get("mandatory") is not True:
        return {"effort": "none"}
    # "none" would be refused: the least there is comes nearest (the list is highest first)
    efforts = [effort for effort in texts_of(dict_of(known.reasoning).get("supported_efforts")) if effort != "none"]
    return {"effort": efforts[-1]} if efforts else None


def _messages(message: Message) -> Iterator[Body]:
    """One message of ours is one of theirs, but for the results of tools, which are one each."""
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    for result in results:
        yield {"role": "tool", "tool_call_id": result.call_id, "content": result.text}
    if results:
        return
    sent: Body = {"role": message.role, "content": _content(message)}
    if message.role == "assistant":
        if calls := [_call(part) for part in message.parts if isinstance(part, ToolCallPart)]:
            sent["tool_calls"] = calls
            sent["content"] = sent["content"] or None
        if details := _details(message):
            sent["reasoning_details"] = details
    yield sent


def _content(message: Message) -> str | list[Body]:
    if not any(isinstance(part, ImagePart) for part in message.parts):
        return message.text
    parts: list[Body] = []
    for part in message.parts:
        if isinstance(part, ImagePart):
            url = f"data:{part.media_type};base64,{b64encode(part.data).decode()}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        elif isinstance(part, TextPart) and part.text:
            parts.append({"type": "text", "text": part.text})
    return parts


def _details(message: Message) -> list[Any]:
    """What came as `reasoning_details`, unchanged: a signature holds for its text and its place in the sequence."""
    details: list[Any] = []
    for part in message.parts:
        if isinstance(part, ThinkingPart):
            # not `splitlines`: a text may hold U+2028, which ends a line for it
            for line in part.details.split("\n"):
                if not line:
                    continue
                try:
                    details.append(json.loads(line))
                except (ValueError, RecursionError):
                    return []  # a sequence with a hole is refused by models that sign it
    return details


def _call(part: ToolCallPart) -> Body:
    arguments = part.arguments if part.arguments.strip() else "{}"
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": arguments}}


def _tool(tool: Tool) -> Body:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }
