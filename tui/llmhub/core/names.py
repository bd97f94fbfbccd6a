"""Names of models: `[host/][namespace/]model[:tag]` (ollama/ollama types/model/name.go, read at v0.32)."""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model's full name; parts that were left out have their defaults."""

    model: str
    tag: str = DEFAULT_TAG
    namespace: str = DEFAULT_NAMESPACE
    host: str = DEFAULT_HOST

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """The name that `text` means. A scheme before the host is left out, as Ollama does.

        Raises:
            ValueError: saying which part is wrong.
        """
        rest = text.strip()
        tag: str = DEFAULT_TAG
        # a host may have a port, so only a colon after the last slash begins a tag
        if rest.rfind(":") > rest.rfind("/"):
            rest, _, tag = rest.rpartition(":")
        rest, has_namespace, model = rest.rpartition("/")
        namespace, host = DEFAULT_NAMESPACE, DEFAULT_HOST
        if has_namespace:
            rest, has_host, namespace = rest.rpartition("/")
            if has_host:
                host = rest.partition("://")[2] if "://" in rest else rest
        for what, part, shape in (
            ("model", model, _PART),
            ("tag", tag, _PART),
            ("namespace", namespace, _NAMESPACE),
            ("host", host, _HOST),
        ):
            if not shape.fullmatch(part):
                raise ValueError(f"the {what} of a model's name cannot be {part!r}")
        return cls(model, tag, namespace, host)

    @property
    def short(self) -> str:
        """As Ollama lists it: defaults left out, the tag always there."""
        end = f"{self.model}:{self.tag}"
        if self.host.lower() != DEFAULT_HOST:
            return f"{self.host}/{self.namespace}/{end}"
        if self.namespace.lower() != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{end}"
        return end

    @property
    def key(self) -> str:
        """Equal for names that mean the same model: Ollama ignores case."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}".lower()

    @property
    def is_cloud(self) -> bool:
        """Whether the name alone says that the daemon forwards it: `name:cloud`, `name:120b-cloud`."""
        tag = self.tag.lower()
        return self.host.lower() == DEFAULT_HOST and (tag == "cloud" or tag.endswith("-cloud"))

    @property
    def is_hugging_face(self) -> bool:
        """Whether it is pulled from Hugging Face."""
        return self.host.lower() in {"hf.co", "huggingface.co"}


def name_key(text: str) -> str:
    """`ModelName.key` of `text`; text that is no name is its own key, so that it can still be compared."""
    try:
        return ModelName.parse(cloud_form(text)).key
    except ValueError:
        return text.lower()


def registry_of(text: str) -> str:
    """The host, with its port where it has one, that a pull of `text` asks."""
    try:
        return ModelName.parse(text).host
    except ValueError:
        return DEFAULT_HOST


def says_cloud(text: str) -> bool:
    """Whether a name, as typed, asks for Ollama's cloud (ollama-api.md, section 11)."""
    try:
        return ModelName.parse(cloud_form(text)).is_cloud
    except ValueError:
        return False


def cloud_form(text: str) -> str:
    """`name:tag:cloud` written as `name:tag-cloud`, which is a name by the grammar; `:local` at the end left out.

    Both endings are Ollama's since v0.17.6.
    """
    head, colon, last = text.strip().rpartition(":")
    if not colon:
        return text
    has_tag = head.rfind(":") > head.rfind("/")
    if last.lower() == "cloud" and has_tag:
        return f"{head}-{last}"
    if last.lower() == "local":
        return head
    return text
