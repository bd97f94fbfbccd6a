"""Headers made wrong on purpose, the same ones in every run."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from llmhub.core.models import Tensor
from support import gguf_files as gguf
from support.gguf_files import LLAMA_3_1_8B, TINY, Array, Model, Typed

_NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    9,
    12,
    13,
    24,
    32,
    255,
    2**16,
    10**6,
    10**7,
    2**24,
    2**31,
    2**32 - 1,
    2**40,
    2**63,
    2**64 - 1,
)


def seeds() -> list[bytes]:
    """Headers as they ought to be, of every kind there is."""
    every = {
        "general.architecture": "odd",
        "odd.block_count": Typed(gguf.U64, 3),
        "odd.float": Typed(gguf.F64, 0.1),
        "odd.heads": [1, 0, 4],
        "odd.pattern": [True, False, True],
        "odd.nested": Array(gguf.ARRAY, [Array(gguf.ARRAY, [Array(gguf.STRING, ["a", "b"])]), Array(gguf.U8, [1])]),
        "general.languages": ["en", "ü"],
        "general.alignment": 64,
        "split.count": Typed(gguf.U16, 2),
    }
    shapes = ((64, 3), (256, 2, 2), (512,), (32, 1, 1, 4))
    odd = tuple(
        Tensor(f"t{n}", kind, shape)
        for n, (kind, shape) in enumerate(zip(("Q8_0", "Q4_K", "F32", "MXFP4"), shapes, strict=True))
    )
    return [
        gguf.header(TINY.q4_k_m()),
        gguf.header(TINY.q4_k_m(gguf.tokenizer(64, 20))),
        gguf.header(TINY.q4_k_m(), version=2, padded=False),
        gguf.header(Model(every, odd, 64)),
        gguf.header(Model({}, ())),
        gguf.header(LLAMA_3_1_8B.q4_k_m(gguf.NO_VOCABULARY))[:6000],
        gguf.header(LLAMA_3_1_8B.q4_k_m(gguf.tokenizer(200, 50))),
    ]


def mutated(count: int) -> Iterator[bytes]:
    """`count` headers, each with one to four things wrong."""
    dice = random.Random(20_261_120)
    whole = seeds()
    kinds = (_flip, _overwrite, _cut, _longer, _blow_up, _swap_counts, _splice, _repeat, _drop, _blow_up_field)
    for number in range(count):
        data = bytearray(whole[number % len(whole)])
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            dice.choice(kinds)(dice, data, whole)
        yield bytes(data)


def _at(dice: random.Random, data: bytearray, room: int = 1) -> int:
    return dice.randrange(max(1, len(data) - room + 1))


def _flip(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    for _ in range(dice.choice((1, 1, 8))):
        if data:
            data[_at(dice, data)] ^= 1 << dice.randrange(8)


def _overwrite(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    at, length = _at(dice, data), dice.choice((1, 4, 16, 200))
    data[at : at + length] = dice.randbytes(min(length, len(data) - at))


def _cut(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    del data[_at(dice, data) :]


def _longer(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    at = _at(dice, data)
    data[at:at] = dice.choice((bytes(8), b"\xff" * 8, dice.randbytes(3), bytes(4000)))


def _blow_up(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    """A length anywhere, of 32 or 64 bits."""
    form = dice.choice(("<I", "<Q"))
    width = struct.calcsize(form)
    at = _at(dice, data, width)
    data[at : at + width] = struct.pack(form, dice.choice(_NUMBERS) % 2 ** (8 * width))


def _blow_up_field(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    """A length where one really stands: in front of a name."""
    names = (b"general.", b"llama.", b"tokenizer.", b"odd.", b"blk.", b"token_embd", b"output")
    at = data.find(dice.choice(names), _at(dice, data))
    if at >= 8:
        data[at - 8 : at] = struct.pack("<Q", dice.choice(_NUMBERS))


def _swap_counts(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    if len(data) >= 24:
        counts = data[8:16], data[16:24]
        data[8:24] = dice.choice(
            (counts[1] + counts[0], counts[0] + counts[0], struct.pack("<QQ", *dice.choices(_NUMBERS, k=2)))
        )


def _splice(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    other = dice.choice(whole)
    start = dice.randrange(len(other))
    data[_at(dice, data) :] = other[start : start + 3000]


def _repeat(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    at = _at(dice, data)
    data[at:at] = data[at : at + dice.choice((8, 40, 400))]


def _drop(dice: random.Random, data: bytearray, whole: list[bytes]) -> None:
    at = _at(dice, data)
    del data[at : at + dice.choice((1, 4, 8, 100))]
