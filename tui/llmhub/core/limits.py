"""What holds where nobody said otherwise."""

from __future__ import annotations

DEFAULT_CONTEXT_TOKENS = 8192
DEFAULT_MAX_TOKENS = 4096
