"""What is sent to Ollama (ollama/ollama api/types.go and docs/api.md, read at v0.32.15)."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from llmhub.core.chat import ChatRequest, ImagePart, Message, SamplingParams, Tool, ToolCallPart, ToolResultPart

Body = dict[str, Any]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")


def chat_body(request: ChatRequest) -> Body:
    """The body of a chat.

    Always says how large a context it wants and that nothing may be cut in silence: without `num_ctx` the daemon takes
    a default of its own (4,096 on most machines) and leaves out what does not fit.
    """
    body: Body = {
        "model": request.model,
        "messages": [sent for message in request.messages for sent in _messages(message)],
        "stream": True,
        "truncate": request.truncate,
        "shift": request.shift,
        "options": {"num_ctx": request.num_ctx, "num_predict": request.max_tokens, **_options(request.params)},
    }
    if request.think is not None:
        body["think"] = request.think
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    return body | _keep_alive(request.keep_alive)


def load_body(model: str, num_ctx: int, keep_alive: str | int | None) -> Body:
    """A chat without messages loads the model.

    `num_ctx` and `shift` must be those of later chats, or the daemon loads it a second time.
    """
    return {
        "model": model,
        "messages": [],
        "stream": False,
        "truncate": False,
        "shift": False,
        "options": {"num_ctx": num_ctx},
    } | _keep_alive(keep_alive)


def unload_body(model: str) -> Body:
    """The same with no time to live unloads it."""
    return {"model": model, "messages": [], "stream": False, "keep_alive": 0}


def _keep_alive(value: str | int | None) -> Body:
    """A number means seconds; a string must carry a unit, and `"5"` is refused, so numbers are sent as numbers."""
    if value is None:
        return {}
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        seconds = float(value)
        return {"keep_alive": int(seconds) if seconds.is_integer() else seconds}
    return {"keep_alive": value}


def _options(params: SamplingParams) -> Body:
    """What is set; what is not stays with the model's preset. `stop` must be a list."""
    said = {
        "temperature": params.temperature,
        "top_p": params.top_p,
        "top_k": params.top_k,
        "min_p": params.min_p,
        "repeat_penalty": params.repeat_penalty,
        "seed": params.seed,
        "stop": list(params.stop) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _messages(message: Message) -> Iterator[Body]:
    """One message of ours is one of theirs, but for the results of tools, which are one each."""
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    for result in results:
        yield {"role": "tool", "content": result.text, "tool_name": result.name, "tool_call_id": result.call_id}
    if results:
        return
    sent: Body = {"role": message.role, "content": message.text}
    if images := [b64encode(part.data).decode() for part in message.parts if isinstance(part, ImagePart)]:
        sent["images"] = images
    if calls := [_call(part) for part in message.parts if isinstance(part, ToolCallPart)]:
        sent["tool_calls"] = calls
        # a model goes on from its thoughts between a call and its result; older thoughts are only in the way
        if message.thinking:
            sent["thinking"] = message.thinking
    yield sent


def _call(part: ToolCallPart) -> Body:
    try:
        arguments = json.loads(part.arguments)
    except ValueError:
        arguments = None
    # an object, not a string (the OpenAI form has it the other way round)
    return {
        "id": part.id,
        "function": {"name": part.name, "arguments": arguments if isinstance(arguments, dict) else {}},
    }


def _tool(tool: Tool) -> Body:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }
