"""What is still a header and what is nonsense.

The limits on arrays, keys, strings, dimensions and nesting are those of huggingface/gguf, the JavaScript library
(memory-sizing.md, d4); the length of a key is from the format's own description (ggml-org/ggml docs/gguf.md). Tensors
and what is kept have lower bounds of our own, so that no header takes more than some 40 MiB in memory.
"""

from __future__ import annotations

FIRST_READ_BYTES = 256 * 1024
"""A comfortable first read: the architecture's keys end within 64 KiB in nearly every file."""
MAX_HEADER_BYTES = 16 * 1024 * 1024
"""Where reading on is given up; the longest header known has 13 MB."""

MAX_KEYS = 100_000
MAX_TENSORS = 32_768
"""The largest models have some two thousand."""
MAX_ARRAY = 1_000_000
"""Elements of an array that is not of the tokenizer."""
MAX_TOKENIZER_ARRAY = 10_000_000
MAX_ARRAYS = 200_000
"""Arrays in a header, nested ones counted: a bound on the work."""
MAX_STRING_BYTES = 10_000_000
MAX_KEY_BYTES = 65_535
MAX_NAMES_BYTES = 2 * 1024 * 1024
"""All keys and tensor names together."""
MAX_DIMENSIONS = 8
MAX_DEPTH = 4
"""Arrays in arrays."""
MAX_WEIGHTS = 2**50
"""Of one tensor, and bytes of all data: a thousand times the largest model."""

KEPT_ELEMENTS = 65_536
"""Elements of all arrays that are kept, together; an array beyond it is skipped."""
KEPT_TEXT_BYTES = 1024 * 1024
"""Of all texts that are kept, together; a longer one is skipped (some old files carry a tokenizer's JSON as one)."""
