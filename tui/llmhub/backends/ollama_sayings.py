"""What Ollama says when something goes wrong, and what it means.

The texts are matched by fragment: they are prose, and vary (ollama/ollama server/routes.go, llm/server.go and
server/images.go; recorded on 0.24.0 and 0.32.15).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from llmhub.core.errors import FailureKind
from llmhub.core.names import DEFAULT_HOST, ModelName
from llmhub.core.plain import one_line, plain
from llmhub.net import as_json

Doing = Literal["chat", "load", "unload", "list", "show", "delete", "copy", "pull"]

_MOST_DETAIL = 4000
_LENGTHS = re.compile(r"request \((\d+) tokens\) exceeds the available context size \((\d+) tokens\)")
_MEMORY = re.compile(r"requires more system memory \(([^)]{1,20})\) than is available \(([^)]{1,20})\)")


@dataclass(frozen=True, slots=True)
class Saying:
    """An error text of the daemon's, unwrapped."""

    text: str
    type: str = ""
    prompt_tokens: int | None = None
    context_tokens: int | None = None
    is_nested: bool = False

    @classmethod
    def of(cls, error: Any) -> Saying:
        """Read what stood under `error`: a text, llama-server's JSON body as a text, or a text that ends in JSON."""
        for _ in range(4):
            if isinstance(error, str):
                inner = as_json(error[error.find("{") :]) if "{" in error and error.rstrip().endswith("}") else None
                if not isinstance(inner, dict) or "error" not in inner:
                    break
                error = inner["error"]
            elif isinstance(error, dict) and isinstance(error.get("error"), str | dict):
                error = error["error"]
            else:
                break
        if isinstance(error, dict):
            text = plain(str(error.get("message") or ""))[:_MOST_DETAIL]
            return cls(
                text,
                str(error.get("type") or ""),
                _count(error.get("n_prompt_tokens")),
                _count(error.get("n_ctx")),
                is_nested=True,
            )
        text = plain(str(error))[:_MOST_DETAIL]
        lengths = _LENGTHS.search(text)
        return cls(text, "", int(lengths[1]), int(lengths[2])) if lengths else cls(text)


@dataclass(frozen=True, slots=True)
class Told:
    """Why, what happened, and what to do."""

    kind: FailureKind
    happened: str
    remedy: str


def told(saying: Saying, doing: Doing, model: str, status: int | None) -> Told:
    """What a saying means. `status` is `None` for a line in the middle of a stream."""
    text = saying.text.lower()
    for rule in (_too_long, _no_disk, _no_memory, _busy, _pulling, _missing, _cannot):
        if found := rule(text, saying, doing, model, status):
            return found
    words = one_line(saying.text, 200) or "no reason given"
    # a wrong option is the request's fault, although its status is 500
    if (status is not None and status < 500) or "must be of type" in text:
        return Told(FailureKind.REFUSED, f"Ollama refused: {words}", "change the request and try again")
    return Told(FailureKind.REFUSED, f"Ollama failed: {words}", "try again; Ollama's own log says more")


_Rule = Callable[[str, Saying, Doing, str, int | None], "Told | None"]


def _has(text: str, *fragments: str) -> bool:
    return any(fragment in text for fragment in fragments)


def _too_long(text: str, saying: Saying, _doing: Doing, _model: str, _status: int | None) -> Told | None:
    if saying.type != "exceed_context_size_error" and not _has(
        text,
        "the input length exceeds the context length",
        "the prompt is longer than the context length",
        "exceeds the available context size",
        "exceeds maximum context length",
    ):
        return None
    return Told(
        FailureKind.OVERFLOW, "The prompt is longer than the context", "take a larger context or leave out older turns"
    )


def _no_disk(text: str, _saying: Saying, doing: Doing, _model: str, _status: int | None) -> Told | None:
    if not _has(text, "no space left on device", "not enough space on the disk", "disk quota exceeded"):
        return None
    again = "free some space and pull again; what was fetched is kept" if doing == "pull" else "free some space"
    return Told(FailureKind.DISK, "No space is left where Ollama keeps its models", again)


def _no_memory(text: str, saying: Saying, doing: Doing, _model: str, status: int | None) -> Told | None:
    remedy = "unload other models, or take a smaller context or a smaller quantization"
    if found := _MEMORY.search(saying.text):
        happened = f"The model needs more memory than is free ({found[1]}, free are {found[2]})"
        return Told(FailureKind.MEMORY, happened, remedy)
    if _has(text, "an error was encountered while running the model", "model runner has unexpectedly stopped"):
        happened = "Ollama's engine died, probably for want of memory"
        again = f"ask again, Ollama loads it anew; if it stays so, {remedy}"
        return Told(FailureKind.MEMORY, happened, again if status is None else remedy)
    if doing != "pull" and _has(
        text,
        "out-of-memory",
        "out of memory",
        "insufficient memory",
        "requires more system memory",
        "unable to allocate",
        "failed to allocate",
        "cudamalloc failed",
        "process has terminated",
    ):
        return Told(FailureKind.MEMORY, "The model could not be loaded, probably for want of memory", remedy)
    return None


def _busy(text: str, _saying: Saying, _doing: Doing, _model: str, status: int | None) -> Told | None:
    if status == 429 or _has(text, "server busy", "maximum pending requests"):
        return Told(
            FailureKind.BUSY, "Ollama is busy: too many requests wait already", "try again when one of them is done"
        )
    return None


def _pulling(text: str, _saying: Saying, doing: Doing, model: str, _status: int | None) -> Told | None:
    if doing != "pull":
        return None
    if _has(text, "file does not exist"):
        return Told(FailureKind.NOT_FOUND, "No such model or tag", f"check its name at {_page_of(model)}")
    if _has(text, "not a valid quantization", "repository not found", "invalid username or password"):
        return Told(FailureKind.NOT_FOUND, "There is no such tag", f"choose one of those at {_page_of(model)}")
    if _has(text, "digest mismatch"):
        return Told(
            FailureKind.PROTOCOL,
            "What was downloaded is damaged, and Ollama threw it away",
            "pull it again from the start",
        )
    if _has(text, "unauthorized", "access denied", "401", "403"):
        return Told(
            FailureKind.REFUSED,
            "The registry does not give this model out: it is private or gated",
            "ask for access there",
        )
    if _has(text, "mlx"):
        return Told(FailureKind.REFUSED, "This model needs MLX, which this machine has not", "pull its GGUF version")
    if _has(text, "newer version of ollama"):
        return Told(FailureKind.REFUSED, "This model needs a newer Ollama", "update Ollama, then pull again")
    if _has(text, "max retries", "dial tcp", "no such host", "timeout", "connection re", "eof", "tls", "deadline"):
        return Told(
            FailureKind.UNREACHABLE,
            "Ollama could not fetch it from the registry",
            "check the connection and pull again; what was fetched is kept",
        )
    return None


def _missing(text: str, _saying: Saying, doing: Doing, model: str, status: int | None) -> Told | None:
    if status == 404 or (_has(text, "not found") and _has(text, "model")):
        name = one_line(model, 200)
        remedy = (
            "look what is installed: llmhub models"
            if doing in {"delete", "copy"}
            else f"pull it first: llmhub pull {name}"
        )
        return Told(FailureKind.NOT_FOUND, "The model is not installed", remedy)
    return None


def _cannot(text: str, _saying: Saying, _doing: Doing, model: str, status: int | None) -> Told | None:
    if status == 401:
        return Told(FailureKind.REFUSED, "Ollama's cloud wants you to sign in", "run: ollama signin")
    if _has(text, "cloud is disabled"):
        return Told(
            FailureKind.REFUSED, "Ollama's cloud is switched off", "switch it on in Ollama, or take a local model"
        )
    if _has(text, "does not support thinking"):
        return Told(FailureKind.REFUSED, "This model cannot think", "switch thinking off for this lane")
    if _has(text, "does not support tools"):
        return Told(FailureKind.REFUSED, "This model cannot use tools", "leave the tools out or take another model")
    if _has(text, "does not support multimodal", "does not support image", "does not support vision"):
        return Told(
            FailureKind.REFUSED, "This model cannot see images", "leave the image out or take a model with vision"
        )
    if _has(text, "does not support chat", "does not support generate"):
        return Told(FailureKind.REFUSED, "This model cannot chat", "take a model for chat, not for embeddings")
    if _has(text, "exceeds file size", "invalid file magic", "error loading model"):
        again = f"remove it and pull it again: llmhub pull {one_line(model, 200)}"
        return Told(FailureKind.REFUSED, "The model's file is broken", again)
    if _has(text, "invalid model name"):
        return Told(
            FailureKind.REFUSED, "This is no name of a model", "a name looks like qwen3:8b or hf.co/user/repo:Q4_K_M"
        )
    return None


def _page_of(model: str) -> str:
    try:
        name = ModelName.parse(model)
    except ValueError:
        return "ollama.com/library"
    if name.is_hugging_face:
        return f"huggingface.co/{name.namespace}/{name.model}"
    return "ollama.com/library" if name.host == DEFAULT_HOST else name.host


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
