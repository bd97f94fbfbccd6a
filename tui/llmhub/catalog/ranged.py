"""The beginning of a large file elsewhere, read by ranges: through redirects, past proxies that ignore them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import aclosing

from llmhub.catalog.asking import Asker, Landed, RefusalError, landed
from llmhub.catalog.refusals import Asked, host_of, is_page, nonsense
from llmhub.net import BrokenError, GarbledError, Reply, Streamed

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_REFUSAL_BYTES = 64 * 1024


class RangedFile:
    """One file.

    Where a redirect leads is kept for later ranges; such an address expires, so when it refuses the first one is asked
    again.

    Args:
        asked: Whom messages name.
        url: Its first address.
        size: Its length, if a listing tells it; what is read is held against it.
        headers: Sent with every request.
    """

    def __init__(
        self, asker: Asker, asked: Asked, url: str, *, size: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.asked = asked
        self.size = size
        self._asker = asker
        self._url = url
        self._at = url
        self._headers = dict(headers or {})

    async def length(self) -> int | None:
        """Its length, asked for with one byte: some proxies drop Content-Length. `None` when nobody tells."""
        if self.size is None:
            await self.read(0, 1)
        return self.size

    async def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, or to the file's end when that comes first.

        Raises:
            CatalogError: in three parts, whatever went wrong.
        """
        if self.size is not None:
            stop = min(stop, self.size)
        if start >= stop:
            return b""
        reply = await self._asker.patiently(self.asked, lambda: self._once(self._at, start, stop))
        if reply.status >= 300 and self._at != self._url:
            self._at = self._url
            reply = await self._asker.patiently(self.asked, lambda: self._once(self._at, start, stop))
        if reply.status >= 300:
            raise RefusalError.of(self.asked, reply)
        if is_page(reply.headers, reply.body if start == 0 else b""):
            raise nonsense(self.asked, "a web page in place of the model")
        return reply.body

    async def _once(self, url: str, start: int, stop: int) -> Reply:
        headers = {**self._headers, "Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        async with landed(self._asker.client, url, headers) as answer:
            streamed = answer.streamed
            if streamed.status == 206:
                body = await self._part(answer, start, stop)
            elif streamed.status == 200:
                body = await self._skipped(answer, start, stop)
            elif 200 <= streamed.status < 400:
                raise GarbledError(f"it answered {streamed.status} to a range")
            else:
                return Reply(streamed.status, streamed.headers, await streamed.read(_REFUSAL_BYTES))
            self._at = answer.url
            return Reply(streamed.status, streamed.headers, body)

    async def _part(self, answer: Landed, start: int, stop: int) -> bytes:
        """The body of a 206, held against what was asked for.

        Raises:
            GarbledError: it is another part, or of another file.
        """
        headers = answer.streamed.headers
        told = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
        if told is None:
            raise GarbledError("it sent a part without saying which (Content-Range)")
        if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            raise GarbledError("it sent a packed part of the file")
        first, last = int(told[1]), int(told[2])
        total = None if told[3] == "*" else int(told[3])
        self._learn(answer, total)
        if first != start or last >= stop or last < first or (total is not None and last >= total):
            raise GarbledError(f"it sent bytes {first:,} to {last:,} in place of {start:,} to {stop - 1:,}")
        if last < stop - 1 and (total is None or last != total - 1):
            raise GarbledError(f"it sent bytes {first:,} to {last:,} in place of {start:,} to {stop - 1:,}")
        body = await answer.streamed.read(stop - start)
        if len(body) != last - first + 1:
            raise BrokenError(f"{host_of(answer.url)} sent {len(body):,} of {last - first + 1:,} bytes")
        return body

    async def _skipped(self, answer: Landed, start: int, stop: int) -> bytes:
        """A whole file where a part was asked for: a proxy left the range out. What is needed is read, then it ends."""
        streamed = answer.streamed
        told = streamed.headers.get("content-length", "")
        packed = bool(streamed.headers.get("content-encoding"))
        total = int(told) if told.isascii() and told.isdigit() and len(told) < 18 and not packed else None
        if not is_page(streamed.headers, b""):
            self._learn(answer, total)
        body = await _up_to(streamed, stop)
        if len(body) < stop and self.size is not None and len(body) < self.size and not is_page(streamed.headers, body):
            raise BrokenError(f"{host_of(answer.url)} sent {len(body):,} of {stop:,} bytes")
        return body[start:]

    def _learn(self, answer: Landed, total: int | None) -> None:
        """Take the length where it was not known.

        Raises:
            GarbledError: it is another file than the listing says.
        """
        known = self.size
        for told in (total, answer.linked_size):
            if told is not None and known is not None and told != known:
                raise GarbledError(f"the file has {told:,} bytes and not {known:,}, as it is listed")
            known = told if known is None else known
        self.size = known


async def _up_to(streamed: Streamed, stop: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async with aclosing(streamed.chunks()) as chunks:
        async for chunk in chunks:
            parts.append(chunk)
            size += len(chunk)
            if size >= stop:
                break
    return b"".join(parts)[:stop]
