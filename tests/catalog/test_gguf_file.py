"""GGUF files on this computer: whole, sparse, cut, split, and those that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmhub.catalog.gguf_file import facts_of_file, read_file_header
from llmhub.core.gguf.errors import GgufError
from llmhub.core.models import Tensor
from support import gguf_files as gguf
from support.gguf_files import LLAMA_3_1_70B, TINY, YI_34B, Model, Typed

VOCABULARY = gguf.tokenizer(512, 300)


def refused(path: Path) -> GgufError:
    with pytest.raises(GgufError) as caught:
        read_file_header(path)
    return caught.value


@pytest.mark.parametrize("sparse", [False, True], ids=["header alone", "sparse"])
def test_a_header_alone_is_as_good_as_the_whole_file(tmp_path: Path, sparse: bool) -> None:
    model = YI_34B.q4_k_m(VOCABULARY)
    path = gguf.write(tmp_path / "yi.gguf", model, sparse=sparse)

    header = read_file_header(path)
    facts = facts_of_file(path)

    assert header.file_bytes == gguf.file_bytes(model)
    assert header.tensors == model.tensors
    assert (header.is_whole, header.shards) == (True, 1)
    assert (facts.file_bytes, facts.vocab_size, facts.quantization) == (gguf.file_bytes(model), 512, "Q4_K_M")
    assert facts.source == "the header of yi.gguf"


def test_a_download_that_was_cut_in_its_data_is_sized_as_a_whole_one(tmp_path: Path) -> None:
    model = TINY.q4_k_m(VOCABULARY)
    path = gguf.write(tmp_path / "tiny.gguf", model)
    os.truncate(path, len(gguf.header(model)) + 1000)

    assert read_file_header(path).file_bytes == gguf.file_bytes(model)


def test_a_header_of_megabytes_is_read_on(tmp_path: Path) -> None:
    model = TINY.q4_k_m(gguf.tokenizer(90_000, 100_000))
    path = gguf.write(tmp_path / "large.gguf", model)

    header = read_file_header(path)

    assert path.stat().st_size > 2_000_000
    assert (header.vocab_size, len(header.tensors)) == (90_000, len(model.tensors))


def test_more_in_the_file_than_its_tensors_counts(tmp_path: Path) -> None:
    path = gguf.write(tmp_path / "a.gguf", TINY.q4_k_m(), sparse=True)
    os.truncate(path, path.stat().st_size + 12_345)

    assert read_file_header(path).file_bytes == path.stat().st_size


def test_a_type_that_is_not_known_leaves_the_bytes_of_the_file(tmp_path: Path) -> None:
    path = gguf.write(tmp_path / "a.gguf", Model({}, (Tensor("a", "TYPE_77", (32,)),), offsets=(0,)))

    header = read_file_header(path)

    assert (header.file_bytes, header.data_bytes) == (path.stat().st_size, None)


@pytest.mark.parametrize("named", [1, 2, 3])
def test_a_model_in_several_files_is_one_model_whichever_is_named(tmp_path: Path, named: int) -> None:
    model = LLAMA_3_1_70B.q4_k_m(VOCABULARY)
    paths = gguf.write_shards(tmp_path, "llama-q4_k_m", model, 3, sparse=True)

    header = read_file_header(paths[named - 1])

    assert header.tensors == model.tensors
    assert header.metadata["llama.block_count"] == 80
    assert (header.shards, header.tensor_count, header.data_bytes) == (3, len(model.tensors), model.tensor_bytes)
    assert header.file_bytes == sum(path.stat().st_size for path in paths)


def test_headers_alone_of_a_model_in_several_files_add_up_to_all_its_bytes(tmp_path: Path) -> None:
    model = TINY.q4_k_m(VOCABULARY)
    whole = gguf.write_shards(tmp_path, "whole", model, 2, sparse=True)
    alone = gguf.write_shards(tmp_path, "alone", model, 2)

    assert read_file_header(alone[0]).file_bytes == sum(path.stat().st_size for path in whole)


def test_a_missing_file_of_several_is_named(tmp_path: Path) -> None:
    paths = gguf.write_shards(tmp_path, "m", TINY.q4_k_m(), 3)
    paths[1].unlink()

    error = refused(paths[0])

    assert error.happened == "a file of a model in several is missing"
    assert error.subject.endswith("m-00002-of-00003.gguf")
    assert error.remedy == "put all 3 files into one folder"


def test_a_file_of_several_under_another_name_is_not_taken_for_the_whole_model(tmp_path: Path) -> None:
    paths = gguf.write_shards(tmp_path, "m", TINY.q4_k_m(), 3)
    renamed = paths[0].rename(tmp_path / "model.gguf")

    assert refused(renamed).happened == "it is one of 3 files of a model, but its name does not tell the others"


def test_files_of_two_models_are_not_mixed(tmp_path: Path) -> None:
    two = gguf.write_shards(tmp_path, "two", TINY.q4_k_m(), 2)
    three = gguf.write_shards(tmp_path, "three", TINY.q4_k_m(), 3)
    swapped = gguf.write_shards(tmp_path, "swapped", TINY.q4_k_m(), 2)
    three[0].rename(two[0])
    swapped[1].unlink()
    swapped[1].write_bytes(swapped[0].read_bytes())

    assert refused(two[1]).happened == "the file says that it is one of 3, its name one of 2"
    assert refused(swapped[0]).happened == "two files of one model hold the same tensor"


def test_tensors_that_should_be_there_are_missed(tmp_path: Path) -> None:
    model = TINY.q4_k_m()
    paths = gguf.write_shards(tmp_path, "m", model, 2)
    gguf.write(paths[1], Model({"split.count": Typed(gguf.U16, 2)}, model.tensors[-2:]))

    error = refused(paths[0])

    assert error.happened == f"{len(model.tensors)} tensors should be there, {len(model.tensors) // 2 + 2} are"


def test_a_number_beyond_the_count_is_no_file_of_several(tmp_path: Path) -> None:
    assert refused(tmp_path / "m-00004-of-00003.gguf").happened == "there is no file 4 of 3"
    assert refused(tmp_path / "m-00000-of-00000.gguf").happened == "there is no file 0 of 0"


def test_one_of_one_is_a_file_like_any_other(tmp_path: Path) -> None:
    (path,) = gguf.write_shards(tmp_path, "m", TINY.q4_k_m(), 1)

    assert read_file_header(path).shards == 1


def test_a_path_that_is_no_file_says_what_it_is(tmp_path: Path) -> None:
    empty = tmp_path / "empty.gguf"
    empty.touch()
    file = tmp_path / "file"
    file.write_bytes(b"x")

    assert refused(tmp_path).happened == "it is a folder"
    assert refused(tmp_path / "none.gguf").happened == "there is no such file"
    assert refused(empty).happened == "the file is empty"
    assert refused(file / "below.gguf").happened.startswith("the file cannot be read: ")
    assert refused(tmp_path / "nul\x00.gguf").happened.startswith("the file cannot be read: ")
    assert refused(tmp_path / "none.gguf").subject == str(tmp_path / "none.gguf")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")

    assert refused(tmp_path / "pipe.gguf").happened == "it is no ordinary file"


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = gguf.write(tmp_path / "secret.gguf", TINY.q4_k_m())

    def refuse(self: Path, *args: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    # root may read everything
    monkeypatch.setattr(Path, "open", refuse)

    assert refused(path).happened == "the file may not be read"


@pytest.mark.parametrize("left", [1, 8, 100, 1500])
def test_a_header_that_was_cut_says_where_the_file_ends(tmp_path: Path, left: int) -> None:
    path = gguf.write(tmp_path / "cut.gguf", TINY.q4_k_m(VOCABULARY))
    os.truncate(path, left)

    error = refused(path)

    assert error.happened == f"the file ends at byte {left:,}, in the middle of its header"
    assert str(path) in error.subject


def test_another_kind_of_file_is_named_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"<!DOCTYPE html><title>Sign in</title>")

    error = refused(path)

    assert (error.happened, error.subject) == ("it is a web page, not GGUF", f"{path}, byte 0")


def test_a_file_that_asks_for_more_than_any_header_has_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "endless.gguf"
    keys = {f"key.{n}": "x" * 9_000_000 for n in range(2)}
    gguf.write(path, Model(keys, ()))

    assert refused(path).happened == "the header is longer than the 16 MiB that llmhub reads"


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = gguf.write(tmp_path / "a.gguf", TINY.q4_k_m(gguf.tokenizer(90_000, 0)))
    whole = path.stat()
    os.truncate(path, 256 * 1024)
    monkeypatch.setattr(Path, "stat", lambda self: whole)

    assert refused(path).happened == "the file ends at byte 262,144, in the middle of its header"
