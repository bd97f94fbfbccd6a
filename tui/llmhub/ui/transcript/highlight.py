"""Code coloured line by line: what is known after a line is enough to colour the next, so only new lines are read.

Pygments' rules are run on one line at a time with the stack of states carried over. What a lexer takes in one match
over several lines (a block comment of Java, a raw string of Go) is carried over here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pygments.lexer import Lexer  # type: ignore[import-untyped]

_log = logging.getLogger(__name__)

LONGEST = 1_000
"""Characters of a line that is coloured; rules of some languages take quadratic time."""

Token = tuple[str, str]
"""A piece of a line and the role it is drawn in."""


@dataclass(frozen=True, slots=True)
class State:
    """What a line leaves to the next: the lexer's states, and what ends a comment or string that is still open."""

    stack: tuple[str, ...] = ("root",)
    until: str = ""
    role: str = ""


START = State()
_FIRST = {"php": State(("root", "php"))}
_OPENERS = (("/*", "*/", "code-comment"), ("<!--", "-->", "code-comment"), ("`", "`", "code-string"))
_ROLES = (
    ("Token.Comment", "code-comment"),
    ("Token.Literal.String", "code-string"),
    ("Token.Literal.Number", "code-number"),
    ("Token.Keyword", "code-keyword"),
    ("Token.Operator.Word", "code-keyword"),
    ("Token.Name.Function", "code-name"),
    ("Token.Name.Class", "code-name"),
    ("Token.Name.Tag", "code-keyword"),
    ("Token.Name.Attribute", "code-name"),
    ("Token.Name.Decorator", "code-name"),
    ("Token.Name.Builtin", "code-name"),
    ("Token.Generic.Inserted", "code-string"),
    ("Token.Generic.Deleted", "code-keyword"),
    ("Token.Generic.Heading", "code-name"),
    ("Token.Generic.Subheading", "code-name"),
)

_loaded: dict[str, Lexer | None] = {"": None, "text": None, "txt": None, "plain": None, "plaintext": None}


def known(language: str) -> bool:
    """Whether `language` can be looked up without reading a file."""
    return language in _loaded


def load(language: str) -> None:
    """Import what `language` needs. Reads files: for a thread, or for a program without a screen."""
    if language in _loaded:
        return
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        _loaded[language] = None
    else:
        coloured(language, "x\n", START, lexer)  # the first line compiles the rules
        _loaded[language] = lexer


def first_state(language: str) -> State:
    """What the first line of a block begins with."""
    return _FIRST.get(language, START)


def coloured(language: str, line: str, state: State, lexer: Lexer | None = None) -> tuple[list[Token], State]:
    """One line in roles, and what it leaves to the next. A language that is not loaded or not known is not coloured."""
    lexer = lexer or _loaded.get(language)
    if lexer is None or len(line) > LONGEST:
        return [(line, "code")], state
    try:
        return _read(lexer, line, state)
    except Exception:  # a lexer is another's code run on a model's words: what it cannot read is shown without colours
        _log.debug("no colours for a line of %s", language, exc_info=True)
        return [(line, "code")], START


def _read(lexer: Lexer, line: str, state: State) -> tuple[list[Token], State]:
    out: list[Token] = []
    at = 0
    if state.until:
        end = line.find(state.until)
        if end < 0:
            return [(line, state.role)], state
        at = end + len(state.until)
        out.append((line[:at], state.role))
    stack = list(state.stack)
    tokens = (
        _regex_tokens(lexer, line + "\n", at, stack) if hasattr(lexer, "_tokens") else _other_tokens(lexer, line, at)
    )
    for start, kind, text in tokens:
        if not text or start >= len(line):
            continue
        if (opened := _left_open(line, start, kind)) is not None:
            closer, role = opened
            out.append((line[start:], role))
            return _merged(out), State(
                state.stack, closer, role
            )  # rules that took the opener for an operator are undone
        out.append((text.rstrip("\n"), _role(kind)))
    return _merged(out), State(tuple(stack))


def _regex_tokens(lexer: Any, text: str, at: int, stack: list[str]) -> Iterator[tuple[int, str, str]]:
    """Run the rules of a `pygments.lexer.RegexLexer` over `text` from `at`; `stack` is left as the end left it."""
    rules = lexer._tokens
    length = len(text)
    while at < length:
        for match_at, action, change in rules[stack[-1]]:
            found = match_at(text, at)
            if found is None:
                continue
            if action is not None:
                yield from _acted(lexer, action, found, at)
            at = found.end()
            if change is not None:
                _move(stack, change)
            break
        else:
            if text[at] == "\n":
                stack[:] = ["root"]
            else:
                yield at, "Token.Error", text[at]
            at += 1


def _acted(lexer: Any, action: Any, found: Any, at: int) -> Iterable[tuple[int, str, str]]:
    from pygments.token import _TokenType  # type: ignore[import-untyped]

    if isinstance(action, _TokenType):
        return [(at, str(action), found.group())]
    callback: Callable[..., Iterable[tuple[int, Any, str]]] = action
    return [(start, str(kind), text) for start, kind, text in callback(lexer, found)]


def _move(stack: list[str], change: Any) -> None:
    """Follow a rule to its next state: names to push, `#pop`, `#push`, or how many to take off."""
    if isinstance(change, int):
        del stack[max(1, len(stack) + change) :]
        return
    for name in (change,) if isinstance(change, str) else change:
        if name == "#pop":
            del stack[max(1, len(stack) - 1) :]
        else:
            stack.append(stack[-1] if name == "#push" else name)


def _other_tokens(lexer: Lexer, line: str, at: int) -> Iterator[tuple[int, str, str]]:
    for start, kind, text in lexer.get_tokens_unprocessed(line[at:]):
        yield start + at, str(kind), text


def _left_open(line: str, start: int, kind: str) -> tuple[str, str] | None:
    """What ends the comment or string that begins at `start`, when it goes on below and the lexer could not see it."""
    if kind.startswith(("Token.Comment", "Token.Literal")):
        return None
    for opener, closer, role in _OPENERS:
        if line.startswith(opener, start) and line.find(closer, start + len(opener)) < 0:
            if opener == "`" and kind != "Token.Error":
                continue
            return closer, role
    return None


@cache
def _role(kind: str) -> str:
    return next((role for prefix, role in _ROLES if kind.startswith(prefix)), "code")


def _merged(tokens: list[Token]) -> list[Token]:
    out: list[Token] = []
    for text, role in tokens:
        if out and out[-1][1] == role:
            out[-1] = (out[-1][0] + text, role)
        elif text:
            out.append((text, role))
    return out
