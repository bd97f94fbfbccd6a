"""The writer of tiny models: what it writes says its text, by the arithmetic that an engine would do."""

from __future__ import annotations

from pathlib import Path

import pytest

gguf = pytest.importorskip("gguf")
np = pytest.importorskip("numpy")

from support.tiny_gguf import cut, write  # noqa: E402

TEXT = "One two three, and the words and the words, über 日本 and so on: the end."


def said(path: Path, most: int) -> list[str]:
    """What greedy decoding says after any prompt: no layer changes the stream, so only the ends count."""
    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    vocabulary = list(reader.get_field("tokenizer.ggml.tokens").contents())
    end = reader.get_field("tokenizer.ggml.eos_token_id").contents()
    token, tokens = 65, []
    for _ in range(most):
        stream = tensors["token_embd.weight"][token]
        normed = stream / np.sqrt(np.mean(stream**2) + 1e-5) * tensors["output_norm.weight"]
        token = int(np.argmax(tensors["output.weight"] @ normed))
        if token == end:
            break
        tokens.append(vocabulary[token])
    return tokens


def test_a_model_says_its_text_and_stops(tmp_path: Path) -> None:
    pieces = write(tmp_path / "m.gguf", TEXT)

    tokens = said(tmp_path / "m.gguf", 100)

    assert len(tokens) == len(pieces.tokens)
    assert "".join(pieces.tokens) == TEXT
    assert (tmp_path / "m.gguf").stat().st_size < 1_000_000


def test_an_endless_model_begins_again(tmp_path: Path) -> None:
    pieces = write(tmp_path / "m.gguf", TEXT, endless=True)
    count = len(pieces.tokens)

    tokens = said(tmp_path / "m.gguf", 2 * count)

    assert tokens[:count] == tokens[count:]
    assert len(set(tokens)) == count


def test_every_piece_is_its_own_token() -> None:
    tokens = cut("a b a b a b c the end").tokens

    assert len(set(tokens)) == len(tokens)
    assert "".join(tokens) == "a b a b a b c the end"
