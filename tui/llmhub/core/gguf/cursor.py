"""A place in a header's bytes: reads what comes next, and knows how many bytes it would take at least."""

from __future__ import annotations

import struct
from typing import Any, NoReturn

from llmhub.core.gguf import limits
from llmhub.core.gguf.errors import FETCH_AGAIN, GgufError
from llmhub.core.plain import one_line

STRING, ARRAY = 8, 9
_SCALARS = {
    0: struct.Struct("<B"), 1: struct.Struct("<b"), 2: struct.Struct("<H"), 3: struct.Struct("<h"),
    4: struct.Struct("<I"), 5: struct.Struct("<i"), 6: struct.Struct("<f"), 7: struct.Struct("<?"),
    10: struct.Struct("<Q"), 11: struct.Struct("<q"), 12: struct.Struct("<d"),
}  # fmt: skip
_LEAST_BYTES = {number: scalar.size for number, scalar in _SCALARS.items()} | {STRING: 8, ARRAY: 12}
"""Bytes that a value of each type takes at least."""
_U32 = _SCALARS[4].unpack_from
_U64 = _SCALARS[10].unpack_from
_ARRAY_HEAD = struct.Struct("<IQ")


def shown(name: str) -> str:
    """A key or a tensor's name as it is put into a message."""
    return one_line(name, 60) or "(no name)"


class ShortError(Exception):
    """The bytes end before what is read; never leaves the package."""

    def __init__(self, at_least_bytes: int) -> None:
        super().__init__(at_least_bytes)
        self.at_least_bytes = at_least_bytes


class Cursor:
    """Reads forward through the beginning of a file.

    Args:
        data: The file's beginning.
        name: What the file is called in messages.
        file_bytes: The length of the file; nothing is asked for beyond it. `None`: not known.
    """

    __slots__ = ("_arrays", "_elements", "_names", "_text", "after", "at", "data", "file_bytes", "name")

    def __init__(self, data: memoryview, name: str, file_bytes: int | None) -> None:
        self.data = data
        self.name = name
        self.file_bytes = file_bytes
        self.at = 0
        self.after = 0
        """Bytes that what follows the present item takes at least."""
        self._arrays = 0
        self._names = 0
        self._elements = 0
        self._text = 0

    def refuse(self, happened: str, remedy: str = FETCH_AGAIN) -> NoReturn:
        """Raise `GgufError` for what was just read."""
        raise GgufError(happened, f"{self.name}, byte {self.at:,}", remedy)

    def demand(self, end: int, rest: int = 0) -> None:
        """See to it that the bytes up to `end` are there.

        Args:
            rest: Bytes that the item takes at least beyond `end`. They are not demanded yet, but told.

        Raises:
            ShortError: they are not, but the file may have them.
            GgufError: the file ends before.
        """
        if end > len(self.data):
            self.lack(end + rest)

    def lack(self, end: int) -> NoReturn:
        """Raise for bytes up to `end` that are not there, and `after` behind them."""
        least = end + self.after
        if self.file_bytes is not None and least > self.file_bytes:
            self.refuse(f"the file ends at byte {self.file_bytes:,}, in the middle of its header")
        raise ShortError(least)

    def u32(self, rest: int = 0) -> int:
        """The next four bytes."""
        self.demand(self.at + 4, rest)
        number: int = _U32(self.data, self.at)[0]
        self.at += 4
        return number

    def u64(self) -> int:
        """The next eight bytes."""
        self.demand(self.at + 8)
        number: int = _U64(self.data, self.at)[0]
        self.at += 8
        return number

    def name_of(self, what: str, rest: int) -> str:
        """A key or a tensor's name; `what` says which. At least `rest` bytes belong to it after the name.

        Raises:
            GgufError: it is too long, or not UTF-8.
        """
        self.demand(self.at + 8, rest)
        length = self.u64()
        self._names += length
        if length > limits.MAX_KEY_BYTES:
            self.refuse(f"a {what}'s name of {length:,} bytes makes no sense")
        if self._names > limits.MAX_NAMES_BYTES:
            self.refuse(f"the names of keys and tensors take more than {limits.MAX_NAMES_BYTES:,} bytes")
        self.demand(self.at + length, rest)
        try:
            name = str(self.data[self.at : self.at + length], "utf-8")
        except UnicodeDecodeError:
            self.refuse(f"a {what}'s name is not UTF-8")
        self.at += length
        return name

    def value(self, key: str) -> tuple[Any, int | None]:
        """The value of `key`, and the length if it is an array.

        Arrays of the tokenizer, long or nested arrays and very long texts are `None`: skipped. A text that is not
        UTF-8 has U+FFFD where it is not.
        """
        kind = self.u32(rest=1)
        if kind in _SCALARS:
            return self._scalar(kind), None
        if kind == STRING:
            return self._string(), None
        if kind != ARRAY:
            self._unknown(kind, key)
        element, count = self.array_head(key)
        return self.elements(key, element, count), count

    def array_head(self, key: str, depth: int = 1) -> tuple[int, int]:
        """Type and number of an array's elements.

        Raises:
            GgufError: that many cannot be.
        """
        self.demand(self.at + 12)
        element, count = _ARRAY_HEAD.unpack_from(self.data, self.at)
        self._arrays += 1
        most = limits.MAX_TOKENIZER_ARRAY if key.startswith("tokenizer.") else limits.MAX_ARRAY
        if count > most:
            self.refuse(f"an array of {count:,} elements makes no sense: {shown(key)}")
        if element not in _LEAST_BYTES:
            self._unknown(element, key)
        if element == ARRAY and depth >= limits.MAX_DEPTH:
            self.refuse(f"arrays are nested more than {limits.MAX_DEPTH} deep: {shown(key)}")
        if self._arrays > limits.MAX_ARRAYS:
            self.refuse(f"there are more than {limits.MAX_ARRAYS:,} arrays")
        self.at += 12
        end = self.at + count * _LEAST_BYTES[element]
        if self.file_bytes is not None and end > self.file_bytes:
            self.refuse(f"{count:,} elements do not fit into a file of {self.file_bytes:,} bytes: {shown(key)}")
        return element, count

    def elements(self, key: str, element: int, count: int, depth: int = 1) -> tuple[Any, ...] | None:
        """The elements of an array whose head was just read, or `None` for one that is skipped."""
        keeps = depth == 1 and not key.startswith("tokenizer.") and self._elements + count <= limits.KEPT_ELEMENTS
        if element in _SCALARS:
            scalar = _SCALARS[element]
            end = self.at + count * scalar.size
            self.demand(end)
            numbers: tuple[Any, ...] | None = None
            if keeps:
                self._elements += count
                numbers = struct.unpack_from(f"<{count}{scalar.format[1:]}", self.data, self.at)
            self.at = end
            return numbers
        if element == STRING and not keeps:
            self.skip_strings(count)
            return None
        after = self.after
        texts: list[str | None] = []
        for left in range(count - 1, -1, -1):
            self.after = after + left * _LEAST_BYTES[element]
            if element == STRING:
                texts.append(self._string())
            else:
                self.elements(key, *self.array_head(key, depth + 1), depth + 1)
        if element == ARRAY or None in texts:
            return None
        self._elements += count
        return tuple(texts)

    def skip_strings(self, count: int) -> None:
        """Go over `count` strings. Hundreds of thousands of them are most of a header, hence nothing but locals."""
        data, at, longest, unpack = self.data, self.at, limits.MAX_STRING_BYTES, _U64
        left = count
        try:
            for left in range(count, 0, -1):  # noqa: B007 (told when the bytes end)
                (length,) = unpack(data, at)
                if length > longest:
                    self.at = at
                    self.refuse(f"a text of {length:,} bytes makes no sense")
                at += 8 + length
        except struct.error:
            self.lack(at + 8 * left)
        self.demand(at)
        self.at = at

    def _scalar(self, kind: int) -> Any:
        scalar = _SCALARS[kind]
        self.demand(self.at + scalar.size)
        (number,) = scalar.unpack_from(self.data, self.at)
        self.at += scalar.size
        return number

    def _string(self) -> str | None:
        length = self.u64()
        if length > limits.MAX_STRING_BYTES:
            self.refuse(f"a text of {length:,} bytes makes no sense")
        end = self.at + length
        self.demand(end)
        text: str | None = None
        if self._text + length <= limits.KEPT_TEXT_BYTES:
            self._text += length
            text = str(self.data[self.at : end], "utf-8", "replace")
        self.at = end
        return text

    def _unknown(self, kind: int, key: str) -> NoReturn:
        self.refuse(f"there is no value type {kind}: {shown(key)}")
