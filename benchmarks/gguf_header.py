"""How long a long GGUF header takes: 128,256 tokens, 280,147 merges and every tensor of Llama 3.1 8B, 7.8 MB.

`python -m benchmarks.gguf_header [--quick]`
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.command import benchmark
from benchmarks.figures import Row, at_most, context, median

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))  # who writes the header is no part of the package

from llmhub.core.gguf.header import Header, NeedMore, next_read, read_header
from support.gguf_files import LLAMA_3_1_8B, header, tokenizer

GROUP = "header"
MAX_WHOLE_S = 0.3


def measure(*, quick: bool) -> list[Row]:
    """The same bytes: all at once, as they come over a network, and up to the vocabulary."""
    rounds = 3 if quick else 15
    data = header(LLAMA_3_1_8B.q4_k_m(tokenizer(128_256, 280_147)))
    whole, piecewise, early = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        found = read_header(data, with_tensors=True)
        whole.append(time.perf_counter() - began)
        if not isinstance(found, Header) or found.vocab_size != 128_256:
            raise RuntimeError(f"the header was not read: {found}")
        began = time.perf_counter()
        _read_on(data)
        piecewise.append(time.perf_counter() - began)
        began = time.perf_counter()
        read_header(data[: 64 * 1024])
        early.append(time.perf_counter() - began)
    size = f"{len(data) / 1e6:.1f} MB"
    return [
        at_most(GROUP, f"{size} with all tensors, read at once", median(whole), MAX_WHOLE_S, " s", 3),
        at_most(GROUP, f"{size}, first 256 KiB, then ever twice as much", median(piecewise), MAX_WHOLE_S, " s", 3),
        context(GROUP, "the architecture's keys, from 64 KiB", median(early) * 1000, " ms"),
    ]


def _read_on(data: bytes) -> None:
    """As a caller reads who has to fetch the bytes."""
    have = 0
    found: Header | NeedMore = NeedMore(1)
    while isinstance(found, NeedMore):
        have = next_read(found, have, len(data))
        found = read_header(data[:have], with_tensors=True)


if __name__ == "__main__":
    benchmark(__doc__, measure)
