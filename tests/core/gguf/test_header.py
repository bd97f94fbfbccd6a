"""A header comes out as it was written, from as few bytes as will do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmhub.core.gguf.errors import GgufError
from llmhub.core.gguf.header import Header, NeedMore, next_read, read_header
from llmhub.core.models import Tensor
from support import gguf_files as gguf
from support.gguf_files import TINY, Array, Model, Raw, Typed

KIB, MIB = 1024, 1024 * 1024
VOCABULARY = gguf.tokenizer(512, 300)


def whole(data: bytes, file_bytes: int | None = None) -> Header:
    found = read_header(data, with_tensors=True, file_bytes=file_bytes)
    assert isinstance(found, Header)
    return found


def early(data: bytes) -> Header:
    found = read_header(data)
    assert isinstance(found, Header)
    return found


def test_a_whole_header_tells_keys_vocabulary_tensors_and_where_the_data_begins() -> None:
    model = TINY.q4_k_m(VOCABULARY)
    data = gguf.header(model)

    header = whole(data, gguf.file_bytes(model))

    assert (header.version, header.architecture, header.vocab_size, header.is_whole) == (3, "llama", 512, True)
    assert header.metadata["llama.embedding_length"] == 256
    assert header.metadata["tokenizer.ggml.tokens"] is None
    assert header.array_lengths["tokenizer.ggml.merges"] == 300
    assert header.tensors == model.tensors
    assert header.offsets == gguf.laid_out(model.tensors)
    assert (header.header_bytes, header.data_bytes) == (len(data), gguf.file_bytes(model) - len(data))
    assert header.file_bytes == gguf.file_bytes(model)


def test_without_tensors_reading_stops_where_the_vocabulary_begins() -> None:
    data = gguf.header(TINY.q4_k_m(VOCABULARY))
    tokens = data.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens") + 16

    header = early(data[:tokens])
    one_less = read_header(data[: tokens - 1])

    assert (header.vocab_size, header.is_whole, header.tensors, header.header_bytes) == (512, False, (), None)
    assert header.tensor_count == len(TINY.shapes())
    assert one_less == NeedMore(tokens)


@pytest.mark.parametrize("late", ["llama.block_count", "llama.embedding_length", "general.architecture"])
def test_a_file_whose_architecture_comes_after_the_tokenizer_is_read_on(late: str) -> None:
    model = TINY.q4_k_m(VOCABULARY)
    keys = {key: of for key, of in model.metadata.items() if key != late} | {late: model.metadata[late]}
    data = gguf.header(Model(keys, model.tensors))
    tokens = data.index(b"tokenizer.ggml.tokens")

    header = early(data)
    cut = read_header(data[: tokens + 100])

    assert header.metadata[late] == model.metadata[late]
    assert header.vocab_size == 512
    assert isinstance(cut, NeedMore)


def test_a_file_without_a_tokenizer_is_read_to_the_end_of_its_keys() -> None:
    data = gguf.header(TINY.q4_k_m(gguf.NO_VOCABULARY))

    header = early(data[: data.index(b"token_embd") - 8])

    assert (header.vocab_size, header.is_whole) == (None, False)
    assert header.metadata["general.quantization_version"] == 2


def test_values_of_every_type_come_out() -> None:
    keys = {
        "u8": Typed(gguf.U8, 255),
        "i8": Typed(gguf.I8, -128),
        "u16": Typed(gguf.U16, 65_535),
        "i16": Typed(gguf.I16, -32_768),
        "u32": Typed(gguf.U32, 2**32 - 1),
        "i32": Typed(gguf.I32, -(2**31)),
        "f32": Typed(gguf.F32, 0.5),
        "yes": True,
        "no": False,
        "text": "häßlich 🦙",
        "u64": Typed(gguf.U64, 2**64 - 1),
        "i64": Typed(gguf.I64, -(2**63)),
        "f64": Typed(gguf.F64, 0.1),
        "per layer": [8, 0, 0, 8],
        "pattern": [True, False],
        "languages": ["en", "de"],
        "nothing": [],
    }

    header = whole(gguf.header(Model(keys, ())))

    told = {key: of.value if isinstance(of, Typed) else of for key, of in keys.items()}
    assert header.metadata == {key: tuple(of) if isinstance(of, list) else of for key, of in told.items()}
    assert header.array_lengths == {"per layer": 4, "pattern": 2, "languages": 2, "nothing": 0}


def test_long_and_nested_arrays_and_endless_texts_are_skipped_and_the_rest_is_read() -> None:
    keys = {
        "long": Array(gguf.U8, bytes(70_000)),
        "texts": ["x"] * 70_000,
        "nested": Array(gguf.ARRAY, [Array(gguf.U8, [1, 2]), Array(gguf.STRING, ["a"])]),
        "json": "x" * 2_000_000,
        "after": 7,
    }

    header = whole(gguf.header(Model(keys, ())))

    assert header.metadata == {"long": None, "texts": None, "nested": None, "json": None, "after": 7}
    assert header.array_lengths == {"long": 70_000, "texts": 70_000, "nested": 2}


def test_small_arrays_and_texts_are_skipped_once_they_are_too_many_together() -> None:
    arrays = {f"a{n}": Array(gguf.U8, bytes(1000)) for n in range(70)}
    texts = {f"t{n}": "x" * 300_000 for n in range(5)}

    header = whole(gguf.header(Model(arrays | texts, ())))

    assert [header.metadata[f"a{n}"] is not None for n in range(70)] == [n < 65 for n in range(70)]
    assert [header.metadata[f"t{n}"] is not None for n in range(5)] == [n < 3 for n in range(5)]
    assert header.array_lengths["a69"] == 1000


def test_text_that_is_not_utf8_is_mended_in_a_value() -> None:
    header = whole(gguf.header(Model({"general.name": b"caf\xe9"}, ())))

    assert header.metadata["general.name"] == "caf�"


def test_a_type_that_is_not_known_has_a_name_and_no_size() -> None:
    model = Model({}, (Tensor("a", "F32", (8,)), Tensor("b", "TYPE_77", (33, 2))), offsets=(0, 32))

    header = whole(gguf.header(model))

    assert [tensor.type for tensor in header.tensors] == ["F32", "TYPE_77"]
    assert header.data_bytes is None


@pytest.mark.parametrize("alignment", [1, 8, 64, 4096])
def test_data_begins_where_the_files_own_alignment_says(alignment: int) -> None:
    model = Model({}, (Tensor("a", "F32", (3,)), Tensor("b", "F32", (5, 2))), alignment)
    data = gguf.header(model)

    header = whole(data)

    assert (header.alignment, header.header_bytes, header.data_bytes) == (
        alignment,
        len(data),
        gguf.file_bytes(model) - len(data),
    )


def test_version_2_reads_like_version_3() -> None:
    header = whole(gguf.header(TINY.q4_k_m(), version=2))

    assert (header.version, len(header.tensors)) == (2, len(TINY.shapes()))


def test_tensors_may_lie_in_another_order_than_the_list_and_need_no_padding_at_the_end() -> None:
    model = Model({}, (Tensor("a", "F32", (5,)), Tensor("b", "F32", (8,))), offsets=(32, 0))
    data = gguf.header(model)

    header = whole(data, file_bytes=len(data) + 32 + 20)

    assert header.data_bytes == 64


def test_a_view_of_bytes_is_read_like_bytes() -> None:
    data = gguf.header(TINY.q4_k_m(VOCABULARY))

    assert read_header(memoryview(data), with_tensors=True) == read_header(bytearray(data), with_tensors=True)


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(width=32, allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
NUMBERS = st.lists(st.integers(0, 255), max_size=20).map(lambda values: Array(gguf.U8, values))
ARRAYS = st.one_of(
    NUMBERS,
    st.lists(st.text("abc😀", max_size=9), min_size=1, max_size=9).map(lambda values: Array(gguf.STRING, values)),
    st.lists(NUMBERS, max_size=4).map(lambda values: Array(gguf.ARRAY, values)),
)
KEYS = st.dictionaries(
    st.text("abctokenizer.gml_ä", max_size=25).filter(lambda key: key != "general.alignment"),
    st.one_of(SCALARS, ARRAYS),
    max_size=8,
)
SHAPES = st.tuples(st.sampled_from([0, 256, 512, 4096]), st.integers(0, 5)) | st.tuples() | st.tuples(st.just(256))
TENSORS = st.dictionaries(
    st.text("abc.0", max_size=12), st.tuples(st.sampled_from(["F32", "Q4_K", "Q6_K", "MXFP4", "I64"]), SHAPES)
).map(lambda found: tuple(Tensor(name, kind, shape or ()) for name, (kind, shape) in found.items()))


@given(
    keys=KEYS,
    tensors=TENSORS.filter(lambda found: all(tensor.shape or tensor.type in {"F32", "I64"} for tensor in found)),
    alignment=st.sampled_from([8, 32, 256]),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_was_written_is_read_and_every_prefix_knows_that_it_is_one(
    keys: dict[str, object], tensors: tuple[Tensor, ...], alignment: int
) -> None:
    model = Model(keys, tensors, alignment)
    data = gguf.header(model, padded=False)

    header = whole(data, gguf.file_bytes(model))
    needs = [read_header(data[:end], with_tensors=True) for end in range(len(data))]

    assert header.tensors == tensors
    assert {**keys, **({"general.alignment": alignment} if alignment != 32 else {})}.keys() == header.metadata.keys()
    for key, of in keys.items():
        skipped = isinstance(of, Array) and (key.startswith("tokenizer.") or of.type == gguf.ARRAY)
        expected = None if skipped else tuple(of.values) if isinstance(of, Array) else of
        assert header.metadata[key] == expected
        assert header.array_lengths.get(key) == (len(of.values) if isinstance(of, Array) else None)
    least = [need.at_least_bytes for need in needs if isinstance(need, NeedMore)]
    assert len(least) == len(needs)
    assert all(end < told <= len(data) for end, told in enumerate(least))
    assert least == sorted(least)


@pytest.mark.parametrize("with_tensors", [False, True], ids=["early", "whole"])
def test_every_prefix_of_a_real_header_gives_more_or_the_same_answer(with_tensors: bool) -> None:
    data = gguf.header(TINY.q4_k_m(gguf.tokenizer(70, 40)), padded=False)

    answers = [read_header(data[:end], with_tensors=with_tensors) for end in range(len(data) + 1)]

    first = next(end for end, answer in enumerate(answers) if isinstance(answer, Header))
    least = [answer.at_least_bytes for answer in answers[:first] if isinstance(answer, NeedMore)]
    assert all(end < told <= first for end, told in enumerate(least))
    assert least == sorted(least)
    assert all(answer == answers[first] for answer in answers[first:])
    assert (first == len(data)) == with_tensors


def test_the_last_text_of_the_last_array_is_waited_for() -> None:
    data = gguf.header(Model({"tokenizer.ggml.tokens": ["a", "bcd"]}, ()), padded=False)

    assert read_header(data[:-1]) == NeedMore(len(data))
    assert early(data).vocab_size == 2


def test_what_is_counted_is_asked_for_before_it_is_seen() -> None:
    model = TINY.q4_k_m(VOCABULARY)
    data = gguf.header(model)
    tokens = data.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens") + 16
    keys_after = len(model.metadata) - list(model.metadata).index("tokenizer.ggml.tokens") - 1

    at_the_counts = read_header(data[:24], with_tensors=True)
    at_the_tokens = read_header(data[:tokens], with_tensors=True)

    assert at_the_counts == NeedMore(24 + 13 * len(model.metadata) + 24 * len(model.tensors))
    assert at_the_tokens == NeedMore(tokens + 8 * 512 + 13 * keys_after + 24 * len(model.tensors))
    assert read_header(data[:24]) == NeedMore(24 + 13)


def test_a_caller_who_follows_the_advice_ends_with_a_header() -> None:
    data = gguf.header(gguf.LLAMA_3_1_8B.q4_k_m(gguf.tokenizer(128_256, 280_147)))
    have, reads = 0, []

    found: Header | NeedMore = NeedMore(24)
    while isinstance(found, NeedMore):
        have = next_read(found, have, len(data))
        reads.append(have)
        found = read_header(data[:have], with_tensors=True, file_bytes=None)

    assert found.vocab_size == 128_256
    assert 7_800_000 < len(data) < 8_000_000
    assert reads[0] == 256 * KIB
    assert reads[-1] == len(data)
    assert len(reads) < 6


@pytest.mark.parametrize(
    ("least", "have", "file_bytes", "wanted"),
    [
        (24, 0, None, 256 * KIB),
        (300_000, 256 * KIB, None, 512 * KIB),
        (3 * MIB, 256 * KIB, None, 3 * MIB),
        (9 * MIB, 8 * MIB + 1, None, 16 * MIB),
        (16 * MIB, 16 * MIB - 1, None, 16 * MIB),
        (24, 0, 1000, 1000),
        (700 * KIB, 512 * KIB, 800 * KIB, 800 * KIB),
    ],
)
def test_the_next_read_is_twice_as_long_or_what_is_known_to_be_needed(
    least: int, have: int, file_bytes: int | None, wanted: int
) -> None:
    assert next_read(NeedMore(least), have, file_bytes) == wanted


@pytest.mark.parametrize(("least", "have"), [(16 * MIB + 1, 256 * KIB), (16 * MIB, 16 * MIB)])
def test_reading_is_given_up_beyond_16_mib(least: int, have: int) -> None:
    with pytest.raises(GgufError, match="longer than the 16 MiB") as caught:
        next_read(NeedMore(least), have, name="big.gguf")

    assert caught.value.subject == f"big.gguf, at least {least:,} bytes"


@pytest.mark.parametrize(("least", "have"), [(2000, 800), (900, 1000)])
def test_reading_is_given_up_at_the_end_of_the_file(least: int, have: int) -> None:
    with pytest.raises(GgufError, match="ends at byte 1,000, in the middle of its header"):
        next_read(NeedMore(least), have, 1000)


def test_an_array_of_the_vocabulary_that_is_none_of_texts_is_read_like_any_other() -> None:
    keys = dict(TINY.q4_k_m().metadata)
    odd = Raw(gguf.ARRAY, gguf.value(Array(gguf.U32, [1, 2, 3]))[4:])

    for of, length in ((odd, 3), ("none", None)):
        header = early(gguf.header(Model(keys | {"tokenizer.ggml.tokens": of, "last": 1}, ())))

        assert (header.vocab_size, header.metadata["last"]) == (length, 1)
