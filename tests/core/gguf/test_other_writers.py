"""Headers that others wrote: the `gguf` package of ggml-org/llama.cpp, and the simulators. It reads ours, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmhub.core.gguf.facts import quantization_of
from llmhub.core.gguf.header import Header, NeedMore, read_header
from llmhub.core.models import Tensor
from llmhub.core.sizing.blocks import BLOCK_TYPES
from llmhub.simulators.catalogue import EVERYTHING
from llmhub.simulators.gguf_header import header as simulated_header
from support import gguf_files


def whole(data: bytes, file_bytes: int | None = None) -> Header:
    header = read_header(data, with_tensors=True, file_bytes=file_bytes)
    assert isinstance(header, Header)
    return header


def test_a_file_that_the_gguf_package_wrote_is_read(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    np = pytest.importorskip("numpy")
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "gemma3")
    writer.add_block_count(3)
    writer.add_embedding_length(64)
    writer.add_head_count_kv([1, 0, 1])
    writer.add_sliding_window_pattern([True, True, False])
    writer.add_rope_freq_base(1e6)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_custom_alignment(64)
    writer.add_uint64("big", 2**40)
    writer.add_float64("exact", 0.1)
    writer.add_int8("small", -3)
    writer.add_array("texts", ["a", "ü", ""])
    writer.add_token_list(["a", "b", "c"])
    writer.add_token_scores([0.0, 1.0, 2.0])
    arrays = {
        "f32": (np.zeros((7,), np.float32), None, (7,), "F32"),
        "f16": (np.zeros((3, 5), np.float16), None, (5, 3), "F16"),
        "q8": (np.zeros((2, 4, 68), np.uint8), gguf.GGMLQuantizationType.Q8_0, (64, 4, 2), "Q8_0"),
        "q4_k": (np.zeros((3, 288), np.uint8), gguf.GGMLQuantizationType.Q4_K, (512, 3), "Q4_K"),
        "mxfp4": (np.zeros((1, 34), np.uint8), gguf.GGMLQuantizationType.MXFP4, (64, 1), "MXFP4"),
    }
    for name, (values, kind, _, _) in arrays.items():
        writer.add_tensor(name, values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    data = (tmp_path / "a.gguf").read_bytes()

    header = whole(data, len(data))

    assert header.architecture == "gemma3"
    assert quantization_of(header) == "Q8_0"
    assert header.metadata["gemma3.attention.head_count_kv"] == (1, 0, 1)
    assert header.metadata["gemma3.attention.sliding_window_pattern"] == (True, True, False)
    assert (header.metadata["big"], header.metadata["exact"], header.metadata["small"]) == (2**40, 0.1, -3)
    assert header.metadata["texts"] == ("a", "ü", "")
    assert (header.vocab_size, header.alignment) == (3, 64)
    assert header.tensors == tuple(Tensor(name, kind, shape) for name, (_, _, shape, kind) in arrays.items())
    assert header.header_bytes is not None
    assert header.data_bytes is not None
    assert header.header_bytes + header.data_bytes == len(data)


def test_the_gguf_package_reads_what_the_tests_write(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    model = gguf_files.TINY.q4_k_m(gguf_files.tokenizer(512, 20))
    path = gguf_files.write(tmp_path / "tiny.gguf", model, sparse=True)

    reader = gguf.GGUFReader(path)

    found = [Tensor(t.name, t.tensor_type.name, tuple(int(n) for n in t.shape)) for t in reader.tensors]
    assert tuple(found) == model.tensors
    assert reader.fields["llama.block_count"].contents() == 2
    assert len(reader.fields["tokenizer.ggml.tokens"].contents()) == 512
    header = whole(path.read_bytes())
    assert header.header_bytes is not None
    assert header.header_bytes == reader.data_offset
    assert [header.header_bytes + at for at in header.offsets] == [int(t.data_offset) for t in reader.tensors]


def test_the_gguf_package_knows_the_same_types() -> None:
    gguf = pytest.importorskip("gguf")
    theirs = {kind.name: (int(kind), *gguf.GGML_QUANT_SIZES[kind]) for kind in gguf.GGMLQuantizationType}

    # Q8_1 and Q8_K exist in computations only, and the package has another size for the first
    for name in theirs.keys() - {"Q8_1", "Q8_K"}:
        block = BLOCK_TYPES[name]
        assert (block.id, block.weights, block.bytes) == theirs[name]


def test_a_tiny_model_that_an_engine_runs_is_read(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    from support.tiny_gguf import write

    write(tmp_path / "tiny.gguf", "one two three")
    data = (tmp_path / "tiny.gguf").read_bytes()

    header = whole(data, len(data))

    assert header.vocab_size == header.metadata["llama.vocab_size"]
    assert header.tensors[0].name == "token_embd.weight"
    assert header.header_bytes is not None
    assert header.header_bytes + (header.data_bytes or 0) == len(data)


def test_headers_of_the_simulators_are_read() -> None:
    read = 0
    for model in EVERYTHING:
        data = simulated_header(model)
        if not data:
            continue
        first = read_header(data[: 256 * 1024])
        header = whole(data)

        assert not isinstance(first, NeedMore)
        assert model.shape is not None
        assert first.vocab_size == header.vocab_size == model.shape.vocabulary
        assert len(header.tensors) == len(model.tensors())
        assert header.header_bytes == len(data)
        read += 1

    assert read
