"""Inline Markdown: from source to styled text. Nothing in it is markup of ours or an escape of the terminal's."""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.style import Style

from llmhub.ui.transcript.cleaning import copied, shown
from llmhub.ui.transcript.palette import BOLD, ITALIC, STRIKE, UNDERLINE, Palette
from llmhub.ui.transcript.wrap import Span

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LINK = "transcript-link"
"""Key of a link's address in a style's meta data."""
_URL = re.compile(r"https?://[^\s<>\"'`]+")
_AFTER_URL = ".,;:!?*_~'\""
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_LABEL = re.compile(r"\[([^\[\]]+)\]")
_ATTRIBUTES = {"strong": BOLD, "em": ITALIC, "s": STRIKE}


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("strikethrough")


class _Preparing:
    """Whether a thread is importing the parser: the loop would wait for its import lock meanwhile."""

    threads = 0
    lock = threading.Lock()


def prepare() -> None:
    """Import the parser, which takes a tenth of a second: for a thread, while the first word is waited for."""
    with _Preparing.lock:
        _Preparing.threads += 1
    try:
        _parser()
    finally:
        with _Preparing.lock:
            _Preparing.threads -= 1


def is_preparing() -> bool:
    """Whether a thread is at it; what is to be drawn can wait that long."""
    return _Preparing.threads > 0


def labels(text: str) -> set[str]:
    """Labels in `text` that a link definition could give an address to, in the form definitions are found by."""
    if "[" not in text:
        return set()
    from markdown_it.common.utils import normalizeReference

    return {normalizeReference(label) for label in _LABEL.findall(text)}


def styled(text: str, env: dict[str, Any], palette: Palette, role: str, attributes: int = 0) -> list[Span]:
    """Styled text of inline source.

    Args:
        env: Where markdown-it finds link definitions.
        role: Of the block the text stands in.
        attributes: Of the block, as bits of `palette`.
    """
    parser = _parser()
    tokens: list[Token] = []
    parser.inline.parse(text, parser, env, tokens)
    return _Inline(palette, role, attributes).read(tokens)


class _Inline:
    def __init__(self, palette: Palette, role: str, attributes: int) -> None:
        self._palette = palette
        self._role = role
        self._base = attributes
        self._open: list[str] = []
        self._address = ""
        self._spans: list[Span] = []

    def read(self, tokens: list[Token]) -> list[Span]:
        for token in tokens:
            match token.type:
                case "text" | "text_special":
                    self._text(token.content)
                case "softbreak" | "hardbreak":
                    self._put("\n", self._style())
                case "code_inline":
                    self._put(shown(token.content), self._style("inline-code"))
                case "html_inline":
                    broken = _BREAK.fullmatch(token.content) is not None
                    self._put("\n" if broken else shown(token.content.replace("\n", " ")), self._style())
                case "image":
                    self._image(token)
                case "link_open":
                    self._address = copied(str(token.attrs.get("href", "")))
                case "link_close":
                    self._address = ""
                case kind if kind.endswith("_open"):
                    self._open.append(kind.removesuffix("_open"))
                case kind if kind.endswith("_close") and self._open:
                    self._open.pop()
                case _:
                    self._text(token.content)
        return self._spans

    def _style(self, role: str | None = None) -> Style:
        attributes = self._base
        for name in self._open:
            attributes |= _ATTRIBUTES.get(name, 0)
        if self._address:
            style = self._palette.mixed(role or "link", attributes | UNDERLINE)
            return style + Style.from_meta({LINK: self._address})
        return self._palette.mixed(role or self._role, attributes)

    def _put(self, text: str, style: Style) -> None:
        if text:
            self._spans.append((text, style))

    def _text(self, text: str) -> None:
        if self._address or "://" not in text:
            self._put(shown(text), self._style())
            return
        at = 0
        for found in _URL.finditer(text):
            address = found[0].rstrip(_AFTER_URL)
            while address.endswith(")") and address.count(")") > address.count("("):
                address = address[:-1].rstrip(_AFTER_URL)
            self._put(shown(text[at : found.start()]), self._style())
            self._address = copied(address)
            self._put(shown(address), self._style())
            self._address = ""
            at = found.start() + len(address)
        self._put(shown(text[at:]), self._style())

    def _image(self, token: Token) -> None:
        before = self._address
        self._address = self._address or copied(str(token.attrs.get("src", "")))
        self._put(f"[image: {shown(token.content) or 'no description'}]", self._style())
        self._address = before
