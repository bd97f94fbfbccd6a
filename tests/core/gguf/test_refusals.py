"""What is no header, or none that can be, is refused early and in words."""

from __future__ import annotations

import struct

import pytest

from llmhub.core.gguf import limits
from llmhub.core.gguf.errors import GgufError
from llmhub.core.gguf.header import NeedMore, read_header
from llmhub.core.models import Tensor
from support import gguf_files as gguf
from support.gguf_files import TINY, Array, Model, Raw, Typed


def refused(data: bytes, *, file_bytes: int | None = None, name: str = "the file") -> GgufError:
    """What reading it says; every prefix that says something says the same."""
    with pytest.raises(GgufError) as caught:
        read_header(data, with_tensors=True, file_bytes=file_bytes, name=name)
    return caught.value


def start(version: int = 3, tensors: int = 0, keys: int = 0) -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", version, tensors, keys)


def keyed(key: str | bytes, of: bytes) -> bytes:
    return start(keys=1) + gguf.text(key) + of


def array(element: int, count: int, body: bytes = b"") -> bytes:
    return struct.pack("<IIQ", gguf.ARRAY, element, count) + body


def listed(*entries: bytes) -> bytes:
    return start(tensors=len(entries)) + b"".join(entries)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\xef\xbb\xbf\n  <HTML lang=en>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "a web page"),
        (b'{"error":"Repository not found"}', "JSON, as a server answers that refuses"),
        (struct.pack("<Q", 60_000) + b'{"__metadata__":{"format":"pt"}', "a safetensors file"),
        (b"PK\x03\x04\x00\x00", "a ZIP archive, as PyTorch writes its checkpoints"),
        (b"\x80\x02}q\x00", "a Python pickle, as PyTorch wrote its checkpoints"),
        (b"tjgg\x03\x00\x00\x00", "a GGML file from before GGUF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (bytes(64), "nothing but zeros"),
    ],
)
def test_another_kind_of_file_is_named(data: bytes, words: str) -> None:
    error = refused(data, name="llama.gguf")

    assert error.happened.startswith(f"it is {words}")
    assert error.subject == "llama.gguf, byte 0"
    assert error.remedy == "give a file that ends in .gguf; other formats must be converted first"


@pytest.mark.parametrize("data", [b"x", b"GGUX", b"\x00\x01\x02\x03", b"GGU "])
def test_a_file_that_nobody_knows_is_refused_with_its_first_byte(data: bytes) -> None:
    assert refused(data).happened == "it does not begin like a GGUF file"


@pytest.mark.parametrize("data", [b"", b"G", b"GGUF", b"GGUF\x03\x00\x00\x00", start()[:-1]])
def test_the_beginning_of_the_beginning_asks_for_the_rest_of_it(data: bytes) -> None:
    assert read_header(data) == NeedMore(24)


@pytest.mark.parametrize(
    ("version", "words", "remedy"),
    [
        (1, "GGUF version 1 is not read", "look for a newer conversion: version 1 was given up in 2023"),
        (0x03000000, "it is a big-endian GGUF file", "look for a little-endian conversion, as nearly all are"),
        (0x02000000, "it is a big-endian GGUF file", "look for a little-endian conversion, as nearly all are"),
        (4, "GGUF version 4 is newer than llmhub knows", "update llmhub"),
        (0, "there is no GGUF version 0", None),
        (77_777, "there is no GGUF version 77,777", None),
        (0x00030000, "there is no GGUF version 196,608", None),
    ],
)
def test_a_version_that_is_not_read_is_named(version: int, words: str, remedy: str | None) -> None:
    error = refused(struct.pack("<4sI", b"GGUF", version))

    assert error.happened == words
    assert remedy is None or error.remedy == remedy


def test_version_1_is_told_before_its_shorter_counts_are_misread() -> None:
    assert refused(struct.pack("<4sIII", b"GGUF", 1, 2, 3)).happened == "GGUF version 1 is not read"


NESTED = array(gguf.ARRAY, 1) + struct.pack("<IQ", gguf.ARRAY, 1) * 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (start(keys=limits.MAX_KEYS + 1), "a header with 100,001 keys makes no sense"),
        (start(tensors=10_000_001), "a header with 10,000,001 tensors makes no sense"),
        (start(keys=2**63), "keys makes no sense"),
        (keyed("a", array(gguf.U8, 1_000_001)), "an array of 1,000,001 elements makes no sense: a"),
        (keyed("a", array(gguf.STRING, 2**64 - 1)), "elements makes no sense"),
        (keyed("tokenizer.ggml.tokens", array(gguf.STRING, 10_000_001)), "an array of 10,000,001 elements"),
        (keyed("a", struct.pack("<IQ", gguf.STRING, 10_000_001)), "a text of 10,000,001 bytes makes no sense"),
        (keyed("a", array(gguf.STRING, 3, struct.pack("<Q", 2**60))), "a text of 1,152,921,504,606,846,976 bytes"),
        (
            keyed("tokenizer.x", array(gguf.STRING, 3, gguf.text("a") + struct.pack("<Q", 2**64 - 1))),
            "a text of 18,446,744,073,709,551,615 bytes",
        ),
        (start(keys=1) + struct.pack("<Q", 65_536), "a key's name of 65,536 bytes makes no sense"),
        (keyed(b"\xff\xfe", b""), "a key's name is not UTF-8"),
        (keyed("a", struct.pack("<I", 13)), "there is no value type 13: a"),
        (keyed("a", array(99, 1)), "there is no value type 99: a"),
        (keyed("deep", NESTED), "arrays are nested more than 4 deep: deep"),
        (keyed("general.alignment", gguf.value(0)), "data cannot be aligned to 0 bytes"),
        (keyed("general.alignment", gguf.value(24)), "data cannot be aligned to 24 bytes"),
        (keyed("general.alignment", gguf.value("x\x1b[31m")), "data cannot be aligned to x bytes"),
        (keyed("general.alignment", gguf.value(True)), "data cannot be aligned to True bytes"),
        (start(keys=2) + (gguf.text("a\x1b[2J") + gguf.value(1)) * 2, "a key comes twice: a"),
        (listed(gguf.text("w") + struct.pack("<I", 9)), "w has 9 dimensions"),
        (listed(gguf.entry(Tensor("w", "F32", (2**32, 2**32)), 0)), "w is larger than any model"),
        (listed(gguf.entry(Tensor("w", "F32", (2**63, 0)), 0)), "w is larger than any model"),
        (listed(gguf.entry(Tensor("w", "F32", (1,)), 2**63)), "w is larger than any model"),
        (
            listed(gguf.entry(Tensor("blk.0.ffn_down.weight", "Q4_K", (4880, 2)), 0)),
            "rows of 4,880 weights in blk.0.ffn_down.weight do not divide into blocks of 256 (Q4_K)",
        ),
        (listed(gguf.entry(Tensor("w", "Q8_0", ()), 0)), "rows of 1 weights in w do not divide"),
        (listed(gguf.entry(Tensor("w", "F32", (8,)), 20)), "the data of w is not aligned to 32 bytes"),
        (listed(*[gguf.entry(Tensor("w", "F32", (8,)), at) for at in (0, 32)]), "two tensors have one name: w"),
        (
            listed(gguf.entry(Tensor("a", "F32", (9,)), 0), gguf.entry(Tensor("b", "F32", (8,)), 32)),
            "the data of a and b overlap",
        ),
        (
            listed(*[gguf.entry(Tensor(name, "F32", (8,)), at) for name, at in (("a", 32), ("b", 0), ("c", 32))]),
            "the data of a and c overlap",
        ),
        (listed(struct.pack("<Q", 65_536)), "a tensor's name of 65,536 bytes makes no sense"),
        (listed(gguf.text(b"\xc3") + bytes(16)), "a tensor's name is not UTF-8"),
    ],
)
def test_nonsense_is_refused_where_it_stands(data: bytes, words: str) -> None:
    error = refused(data)

    assert words in error.happened
    assert error.subject.startswith("the file, byte ")
    assert error.remedy == "fetch the file again: it is damaged, or it is no model"
    assert "\x1b" not in str(error)


@pytest.mark.parametrize(
    "of",
    [
        Array(gguf.U8, bytes(1_000_000)),
        Raw(gguf.STRING, struct.pack("<Q", 10_000_000) + bytes(10_000_000)),
        Array(gguf.ARRAY, [Array(gguf.ARRAY, [Array(gguf.ARRAY, [Array(gguf.U8, [1])])])]),
    ],
    ids=["array", "text", "nesting"],
)
def test_what_is_just_within_the_limits_is_read(of: object) -> None:
    data = gguf.header(Model({"a": of, "b": 1}, (Tensor("w", "F32", (1,) * 8),)))

    header = read_header(data, with_tensors=True)

    assert not isinstance(header, NeedMore)
    assert header.metadata == {"a": None, "b": 1}


def test_arrays_may_not_go_on_for_ever() -> None:
    data = keyed("a", array(gguf.ARRAY, 200_000, struct.pack("<IQ", gguf.U8, 0) * 200_000))

    assert refused(data).happened == "there are more than 200,000 arrays"


def test_names_may_not_take_megabytes() -> None:
    key = b"k" * 60_000
    data = start(keys=40) + b"".join(gguf.text(b"%d" % n + key) + gguf.value(Typed(gguf.U8, 1)) for n in range(40))

    assert "the names of keys and tensors take more than 2,097,152 bytes" in refused(data).happened


@pytest.mark.parametrize(
    ("data", "file_bytes", "words"),
    [
        (start(tensors=50, keys=50), 1000, "50 keys and 50 tensors do not fit into a file of 1,000 bytes"),
        (keyed("a", array(gguf.U64, 900_000)), 5_000_000, "900,000 elements do not fit into a file of 5,000,000 bytes"),
        (keyed("tokenizer.ggml.tokens", array(gguf.STRING, 9_000_000)), 5_000_000, "9,000,000 elements do not fit"),
        (keyed("a", struct.pack("<IQ", gguf.STRING, 900)), 500, "the file ends at byte 500, in the middle"),
    ],
)
def test_what_cannot_lie_in_a_file_of_that_length_is_refused(data: bytes, file_bytes: int, words: str) -> None:
    assert words in refused(data, file_bytes=file_bytes).happened
    assert isinstance(read_header(data, with_tensors=True), NeedMore)


def test_data_beyond_the_end_of_the_file_is_refused() -> None:
    model = TINY.q4_k_m()
    data, complete = gguf.header(model), gguf.file_bytes(model)

    read_header(data, with_tensors=True, file_bytes=complete)
    error = refused(data, file_bytes=complete - 1)

    last = model.tensors[-1].name
    assert error.happened == f"the data of {last} would end at byte {complete:,} of a file of {complete - 1:,} bytes"


def test_the_name_of_a_file_cannot_speak_to_the_terminal() -> None:
    assert refused(b"nothing", name="a\x1b]0;x\x07\nb.gguf").subject == "a b.gguf, byte 0"
