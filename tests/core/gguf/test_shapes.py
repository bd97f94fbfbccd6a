"""Headers of models as they are published: bytes of the data, and what is sized from them."""

from __future__ import annotations

import gzip
from dataclasses import replace
from math import prod

import pytest

from llmhub.core.gguf.facts import facts_of_header, quantization_of
from llmhub.core.gguf.header import Header, read_header
from llmhub.core.sizing.blocks import tensor_bytes
from support import gguf_files as gguf
from support.gguf_files import LLAMA_3_1_8B, LLAMA_3_1_70B, QWEN_2_5_32B, TINY, YI_34B, Dense, Typed


def read(data: bytes, *, with_tensors: bool = True) -> Header:
    header = read_header(data, with_tensors=with_tensors)
    assert isinstance(header, Header)
    return header


# parameters and tensor_bytes: sizing-vectors.json of 2026-11-20 (Yi: its seed claim), made with the engine's quantizer
@pytest.mark.parametrize(
    ("shape", "parameters", "bytes_of_tensors"),
    [
        (YI_34B, 34_388_917_248, 20_657_201_152),
        (QWEN_2_5_32B, 32_763_876_352, 19_845_357_568),
        (LLAMA_3_1_70B, 70_553_706_560, 42_512_531_712),
        (LLAMA_3_1_8B, 8_030_261_312, 4_912_898_304),
    ],
    ids=lambda value: value.name if isinstance(value, Dense) else "",
)
def test_a_q4_k_m_file_has_the_bytes_that_the_quantizer_gives_it(
    shape: Dense, parameters: int, bytes_of_tensors: int
) -> None:
    model = shape.q4_k_m()

    header = read(gguf.header(model))

    assert sum(prod(tensor.shape) for tensor in header.tensors) == parameters
    assert sum(map(tensor_bytes, header.tensors)) == bytes_of_tensors == header.data_bytes
    assert header.tensors == model.tensors


def test_a_header_alone_takes_kilobytes() -> None:
    data = gguf.header(YI_34B.q4_k_m(gguf.NO_VOCABULARY))

    assert len(data) < 64 * 1024
    assert len(gzip.compress(data)) < 8 * 1024


def test_facts_carry_everything_that_is_sized_from() -> None:
    header = read(gguf.header(TINY.q4_k_m(gguf.tokenizer(512, 10))))

    facts = facts_of_header(header, 4_000_000, "registry.ollama.ai")

    assert (facts.architecture, facts.vocab_size, facts.quantization) == ("llama", 512, "Q4_K_M")
    assert (facts.file_bytes, facts.source) == (4_000_000, "registry.ollama.ai")
    assert facts.metadata["llama.attention.head_count_kv"] == 2
    assert facts.tensors == header.tensors
    assert facts.projector_bytes == 0


def test_facts_of_an_early_stop_are_those_of_the_architecture() -> None:
    header = read(gguf.header(TINY.q4_k_m(gguf.tokenizer(512, 10))), with_tensors=False)

    facts = facts_of_header(header, None, "huggingface.co")

    assert (facts.vocab_size, facts.tensors, facts.file_bytes) == (512, (), None)
    assert facts.metadata["llama.block_count"] == 2


def test_a_file_without_a_vocabulary_leaves_it_to_the_keys() -> None:
    facts = facts_of_header(read(gguf.header(TINY.q4_k_m())), None, "a file")

    assert facts.vocab_size is None
    assert facts.metadata["llama.vocab_size"] == 512


@pytest.mark.parametrize(
    ("file_type", "name"),
    [
        (0, "F32"), (1, "F16"), (4, "MXFP4"), (7, "Q8_0"), (15, "Q4_K_M"), (15 + 1024, "Q4_K_M"), (30, "IQ4_XS"),
        (32, "BF16"), (38, "MXFP4_MOE"), (999, None), (-1, None), (True, None), ("Q4_K_M", None),
        (Typed(gguf.U64, 18), "Q6_K"),
    ],
)  # fmt: skip
def test_the_mix_is_named_as_the_file_names_it(file_type: object, name: str | None) -> None:
    header = read(gguf.header(TINY.q4_k_m().with_metadata({"general.file_type": file_type})))

    assert quantization_of(header) == name
    assert quantization_of(replace(header, metadata={})) is None
