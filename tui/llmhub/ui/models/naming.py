"""Names of models as they are typed: completed while typing, told what is wrong when entered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.suggester import Suggester

from llmhub.core.errors import LLMHubError
from llmhub.core.first_models import FIRST_MODELS
from llmhub.core.names import ModelName, cloud_form
from llmhub.core.plain import one_line

if TYPE_CHECKING:
    from llmhub.core.hub import Hub


class NameCompleter(Suggester):
    """Completes to names the daemon knows (pulling one again updates it), then to those llmhub knows of."""

    def __init__(self, hub: Callable[[], Hub | None]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._hub = hub

    async def get_suggestion(self, value: str) -> str | None:
        """The first known name that begins with `value`, in the letters that were typed."""
        hub = self._hub()
        names = [model.name for model in hub.state.installed] if hub is not None else []
        names += [model.name for model in FIRST_MODELS]
        low = value.casefold()
        found = next((name for name in names if low and name.casefold().startswith(low) and name != value), None)
        return value + found[len(value) :] if found is not None else None


def wrong_name(text: str) -> LLMHubError | None:
    """What is wrong with a name that was typed; `None` when a daemon would take it."""
    try:
        ModelName.parse(cloud_form(text))
    except ValueError as error:
        return LLMHubError("That is no model's name", f"{one_line(text, 60)}: {error}", "write it as qwen3:8b")
    return None
