"""Model names as the daemon reads them (ollama-api.md, section 11)."""

from __future__ import annotations

import re

_PART = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$")
_NAMESPACE = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,79}$")
_HOST = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}$")


def is_valid(name: str) -> bool:
    """Whether the daemon can parse it."""
    host, namespace, model, tag = split(name)
    return bool(_PART.match(model) and _PART.match(tag) and _NAMESPACE.match(namespace) and _HOST.match(host))


def split(name: str) -> tuple[str, str, str, str]:
    """Host, namespace, model and tag, the missing ones filled in. The tag is split off after the last slash."""
    head, slash, last = name.rpartition("/")
    model, colon, tag = last.partition(":")
    path = head.split("/") if slash else []
    namespace = path.pop() if path else "library"
    host = "/".join(path) if path else "registry.ollama.ai"
    return host, namespace, model, tag if colon else "latest"


def shown(name: str) -> str:
    """The shortest form, the tag always there."""
    host, namespace, model, tag = split(name)
    parts = [model] if namespace == "library" else [namespace, model]
    if host != "registry.ollama.ai":
        parts = [host, namespace, model]
    return f"{'/'.join(parts)}:{tag}"


def full(name: str) -> str:
    """The longest form, as some errors show it."""
    host, namespace, model, tag = split(name)
    return f"{host}/{namespace}/{model}:{tag}"


def key(name: str) -> str:
    """What is compared: the whole name in lower case."""
    return full(name).lower()
