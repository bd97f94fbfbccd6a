"""Lines out of bytes, split where the protocol splits and nowhere else."""

from __future__ import annotations

from llmhub.net.errors import GarbledError

MAX_LINE_BYTES = 64 * 1024 * 1024
"""The longest line we take. Tool calls and `show` go far beyond the 64 KiB that stream readers allow by default."""


class LineSplitter:
    r"""Splits at `b"\n"` alone.

    `str.splitlines` and httpx's `aiter_lines` also split at U+0085, U+2028 and U+2029, which stand unescaped inside
    JSON strings; decoding piece by piece breaks characters that a piece cuts in two. So bytes are kept until their
    line is whole.
    """

    def __init__(self, most: int = MAX_LINE_BYTES) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their ends.

        Raises:
            GarbledError: a line grows longer than we take.
        """
        head, newline, tail = chunk.rpartition(b"\n")
        lines: list[bytes] = []
        if newline:
            if self._parts:
                self._parts.append(head)
                head = b"".join(self._parts)
                self._parts = []
                self._size = 0
            lines = head.split(b"\n")
        if tail:
            self._parts.append(tail)
            self._size += len(tail)
            if self._size > self._most:
                raise GarbledError(f"a line is longer than {self._most:,} bytes")
        return lines

    @property
    def rest(self) -> bytes:
        """What came after the last line end."""
        return b"".join(self._parts)
