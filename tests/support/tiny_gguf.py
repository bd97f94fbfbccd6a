"""Real GGUF files of some hundred kilobytes whose model says one given text and nothing else.

A llama model of one layer in which attention and feed-forward add nothing, so that the next token depends on the last
one alone. Direction 0 of the embedding means "begin": every token that is not of the text has it. Piece number n of the
text points in direction n + 1, and the output row of the piece after it, or of the end, points the same way. The norm
before the output is so large that no ordinary temperature changes the choice.

Needs `gguf` and `numpy` (tests that use it call `pytest.importorskip`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

CONTEXT = 4096
_HEAD = 64
_SURE = 64.0
_CONTROLS = ("<|end|>", "<|im_start|>", "<|im_end|>")

TEMPLATE = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
THINKING_TEMPLATE = (
    "{{- range $i, $_ := .Messages }}<|im_start|>{{ .Role }}\n"
    "{{ if and .Thinking (eq .Role `assistant`) }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}<|im_end|>\n"
    "{{ end }}<|im_start|>assistant\n"
)
"""A template that uses `.Thinking`: what makes Ollama say that a model can think, and take its tags out."""


@dataclass(frozen=True)
class Pieces:
    """A text cut into the tokens that will say it."""

    tokens: tuple[str, ...]
    endless: bool


def cut(text: str, *, endless: bool = False) -> Pieces:
    """`text` in words with the white space before them, joined where a piece would come twice.

    Each piece is a token of its own, because what follows is told from the token alone.

    Raises:
        ValueError: the text's end repeats an earlier piece and cannot be joined to anything.
    """
    tokens: list[str] = []
    piece = ""
    for word in re.findall(r"\s*\S+", text):
        piece += word
        if len(piece.encode()) > 1 and piece not in tokens:
            tokens.append(piece)
            piece = ""
    if piece:
        if not tokens:
            raise ValueError("a text needs two bytes at least")
        tokens[-1] += piece
    if len(set(tokens)) != len(tokens):
        raise ValueError("the last word makes a piece that is there already: end the text another way")
    return Pieces(tuple(tokens), endless)


def write(path: Path, text: str, *, endless: bool = False) -> Pieces:
    """Write the model that says `text` to `path`; with `endless` it begins again at the end."""
    pieces = cut(text, endless=endless)
    count = len(pieces.tokens)
    width = -(-(count + 1) // _HEAD) * _HEAD
    plain = [_written(bytes([byte])) for byte in range(256)]
    # a byte-level vocabulary must have merges: one that hardly any prompt needs
    merge = (_written(b"q"), _written(b"z"))
    vocabulary = [*plain, *_CONTROLS, "".join(merge), *(_written(token.encode()) for token in pieces.tokens)]
    first = len(vocabulary) - count
    end = 256

    embedding = _zeros(len(vocabulary), width)
    output = _zeros(len(vocabulary), width)
    embedding[:, 0] = 1.0
    for number in range(count):
        embedding[first + number] = 0.0
        embedding[first + number, number + 1] = 1.0
        output[first + number, number] = 1.0
    output[first if endless else end, count] = 1.0

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_HEAD)
    writer.add_head_count(width // _HEAD)
    writer.add_head_count_kv(width // _HEAD)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(vocabulary))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary)
    kinds = [gguf.TokenType.NORMAL] * len(vocabulary)
    kinds[256 : 256 + len(_CONTROLS)] = [gguf.TokenType.CONTROL] * len(_CONTROLS)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(merge)])
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_add_bos_token(False)

    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.full(width, _SURE, np.float32))
    writer.add_tensor("output.weight", output)
    for name, shape in (
        ("attn_q", (width, width)),
        ("attn_k", (width, width)),
        ("attn_v", (width, width)),
        ("attn_output", (width, width)),
        ("ffn_gate", (_HEAD, width)),
        ("ffn_up", (_HEAD, width)),
        ("ffn_down", (width, _HEAD)),
    ):
        writer.add_tensor(f"blk.0.{name}.weight", _zeros(*shape))
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return pieces


def _zeros(*shape: int) -> npt.NDArray[np.float32]:
    return np.zeros(shape, np.float32)


def _written(raw: bytes) -> str:
    """Bytes in the alphabet of byte-level BPE: printable ones as they are, the others from U+0100 on, in order."""
    return "".join(_ALPHABET[byte] for byte in raw)


def _alphabet() -> list[str]:
    letters: list[str] = []
    spare = 0x100
    for byte in range(256):
        if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or 0xAE <= byte <= 0xFF:
            letters.append(chr(byte))
        else:
            letters.append(chr(spare))
            spare += 1
    return letters


_ALPHABET = _alphabet()
