"""JSON and times as a Go server writes them."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import Any

_NS = 1_000_000_000
NEVER_NS = 2**63 - 1
"""What "for ever" is in nanoseconds: about 292 years (ollama-api.md, section 3)."""

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def dumps(value: Any) -> str:
    """Compact JSON, with the five characters escaped that Go escapes. U+0085 passes raw, as it does there."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)


def line(value: Any) -> bytes:
    """One line of a stream."""
    return dumps(value).encode("utf-8", "replace") + b"\n"


@lru_cache(maxsize=4096)
def quoted(text: str) -> str:
    """`text` as a JSON string. Cached: a stream says the same words over and over."""
    return dumps(text)


def rfc3339(at_ns: int, offset_min: int = 0) -> str:
    """Nanoseconds since 1970 as Go's RFC3339Nano: up to nine digits, trailing zeros dropped, `Z` for UTC."""
    seconds, fraction = divmod(at_ns + offset_min * 60 * _NS, _NS)
    moment = time.gmtime(seconds)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", moment)
    digits = f".{fraction:09d}".rstrip("0").rstrip(".")
    if not offset_min:
        return f"{stamp}{digits}Z"
    sign = "-" if offset_min < 0 else "+"
    hours, minutes = divmod(abs(offset_min), 60)
    return f"{stamp}{digits}{sign}{hours:02d}:{minutes:02d}"


def from_iso_ns(stamp: str) -> int:
    """The inverse of `rfc3339` for the stamps of the catalogue; digits below a microsecond are kept."""
    from datetime import datetime

    whole, _, rest = stamp.partition(".")
    digits = ""
    while rest and rest[0].isdigit():
        digits, rest = digits + rest[0], rest[1:]
    zone = rest if digits else ""
    seconds = int(datetime.fromisoformat(whole + (zone.replace("Z", "+00:00") or "")).timestamp())
    return seconds * _NS + int(digits.ljust(9, "0") or "0")
