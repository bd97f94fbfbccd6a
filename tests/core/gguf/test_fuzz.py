"""Whatever the bytes are: a header, a wish for more, or a clean refusal; never much memory, never long."""

from __future__ import annotations

import collections
import gc
import struct
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.gguf.mutations import mutated
from llmhub.core.gguf import limits
from llmhub.core.gguf.errors import GgufError
from llmhub.core.gguf.facts import facts_of_header
from llmhub.core.gguf.header import Header, NeedMore, read_header
from llmhub.core.plain import one_line
from support import gguf_files as gguf

MIB = 1024 * 1024
MUTATIONS = 12_000


def refusal(error: GgufError) -> str:
    assert all((error.happened, error.subject, error.remedy))
    assert one_line(str(error), 1000) == str(error)
    return "refused"


def outcome(data: bytes, *, with_tensors: bool = True, file_bytes: int | None = None) -> str:
    """How reading ended, held against what may be promised of each ending."""
    try:
        found = read_header(data, with_tensors=with_tensors, file_bytes=file_bytes)
    except GgufError as error:
        return refusal(error)
    if isinstance(found, NeedMore):
        assert found.at_least_bytes > len(data)
        assert file_bytes is None or found.at_least_bytes <= file_bytes
        return "more"
    assert found.is_whole == with_tensors
    assert len(found.tensors) == (found.tensor_count if with_tensors else 0)
    assert facts_of_header(found, None, "fuzz").metadata is found.metadata
    return "header"


def test_mutated_headers_end_in_a_header_a_wish_for_more_or_a_refusal() -> None:
    endings: collections.Counter[str] = collections.Counter()
    slowest = 0.0

    for data in mutated(MUTATIONS):
        began = time.process_time()
        told = outcome(data)
        endings[told] += 1
        endings[outcome(data, with_tensors=False) + " early"] += 1
        with_length = outcome(data, file_bytes=len(data) + 10**9)
        endings[with_length + " of a file"] += 1
        slowest = max(slowest, time.process_time() - began)
        assert told != "refused" or with_length == "refused"

    # a mutation that no longer breaks anything, or always the same thing, proves nothing
    assert sum(endings.values()) == 3 * MUTATIONS
    assert all(endings[kind] > MUTATIONS / 20 for kind in ("refused", "more", "header")), endings
    assert slowest < 0.5


@given(st.binary(max_size=300), st.sampled_from([b"", b"GGUF", b"GGUF\x03\x00\x00\x00", b"GGUF\x03" + bytes(18)]))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_bytes_end_in_a_header_a_wish_for_more_or_a_refusal(data: bytes, before: bytes) -> None:
    assert outcome(before + data) in {"header", "more", "refused"}


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_counts_end_in_a_header_a_wish_for_more_or_a_refusal(tensors: int, keys: int, data: bytes) -> None:
    whole = struct.pack("<4sIQQ", b"GGUF", 3, tensors, keys) + data

    assert outcome(whole, file_bytes=10**9) in {"header", "more", "refused"}


def many_keys_and_tensors() -> bytes:
    """As many as there may be, the tensors of as many large dimensions as there may be, their names wide in memory."""
    keys, count = limits.MAX_KEYS, limits.MAX_TENSORS
    before = b"".join(gguf.text(b"%x" % n) + struct.pack("<Id", gguf.F64, n + 0.5) for n in range(keys))
    body = struct.Struct("<I8QIQ")
    entries = b"".join(
        gguf.text(f"{n:x}😀".encode() + b"t" * 8)
        + body.pack(8, *(300 + n % 11 + d for d in range(5)), 1, 1, 1, 30_000 + n, 2**49 - 32 * n)
        for n in range(count)
    )
    return struct.pack("<4sIQQ", b"GGUF", 3, count, keys) + before + entries


def kept_values() -> bytes:
    """Arrays and texts up to what is kept, and as many again that are not."""
    text = ("😀" + "x" * 1000).encode()
    numbers = [
        gguf.text(b"n%d" % n)
        + struct.pack("<IIQ1000d", gguf.ARRAY, gguf.F64, 1000, *[d + n * 0.1 for d in range(1000)])
        for n in range(200)
    ]
    texts = [gguf.text(b"t%d" % n) + gguf.value(text) for n in range(5000)]
    lists = [gguf.text(b"l%d" % n) + gguf.value([text] * 50) for n in range(40)]
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, 5240) + b"".join(numbers + texts + lists)


def empty_strings() -> bytes:
    """A tokenizer of nothing: the most steps that 16 MiB can hold."""
    count = 2 * MIB - 100
    head = gguf.text("tokenizer.ggml.tokens") + struct.pack("<IIQ", gguf.ARRAY, gguf.STRING, count)
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + head + bytes(8 * count)


def nested_arrays() -> bytes:
    """As many arrays in arrays as there may be, and more."""
    inner = struct.pack("<IQ", gguf.ARRAY, 1) * 2 + struct.pack("<IQ", gguf.U8, 0)
    count = 16 * MIB // len(inner) - 100
    head = gguf.text("a") + struct.pack("<IIQ", gguf.ARRAY, gguf.ARRAY, count)
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + head + inner * count


WORST = {
    "keys and tensors": (many_keys_and_tensors, "header"),
    "values": (kept_values, "header"),
    "empty strings": (empty_strings, "header"),
    "nested arrays": (nested_arrays, "refused"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WORST)
def test_the_worst_headers_take_neither_much_memory_nor_long(name: str) -> None:
    make, expected = WORST[name]
    data = make()
    assert len(data) <= limits.MAX_HEADER_BYTES
    began = time.process_time()

    told = outcome(data)

    assert told == expected
    assert time.process_time() - began < 3.0
    gc.collect()
    tracemalloc.start()
    try:
        read = read_header(data, with_tensors=True) if expected == "header" else outcome(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(read, Header | str)
    assert peak + len(data) < 64 * MIB


LIMITED = """
import resource, sys
sys.path[:0] = {path!r}
from core.gguf.test_fuzz import WORST, outcome
from core.gguf.mutations import mutated
name = sys.argv[1]
inputs = [WORST[name][0]()] if name in WORST else mutated(2000)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 64 * 2**20, used + 64 * 2**20))
print(*sorted({{outcome(data) for data in inputs}}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited and counted as Linux does")
@pytest.mark.parametrize(
    ("name", "expected"),
    [("keys and tensors", "header"), ("values", "header"), ("nested arrays", "refused"), ("", "header more refused")],
)
def test_a_process_with_64_mib_to_spare_reads_them(name: str, expected: str) -> None:
    root = Path(__file__).resolve().parents[3]
    code = LIMITED.format(path=[str(root / "tests"), str(root / "tui")])

    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=False, timeout=60)

    assert (done.stdout.strip(), done.returncode) == (expected, 0), done.stderr[-2000:]
