"""What is wrong with a file that ought to be GGUF."""

from __future__ import annotations

from llmhub.core.errors import LLMHubError

FETCH_AGAIN = "fetch the file again: it is damaged, or it is no model"


class GgufError(LLMHubError):
    """A header cannot be used, in three parts; reading more of the file would not help."""
