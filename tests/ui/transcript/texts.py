"""Markdown made at random, of everything models write."""

from __future__ import annotations

import random

LINES = [
    "- a *b*", "* b", "+ c", "1. x", "2) y", "10. z", "> q **r**", ">", "", "", "", "text and `code`", "    indented",
    "```", "~~~", "```py", "# H", "## H #", "---", "===", "***", "| a | b |", "|---|:-:|", "| 1 | 2 |", "a | b",
    "--- | ---", "<div>", "</div>", "<!-- c", "-->", "[r]: http://x\n", "[r] and *e*", "   three", "  - n", "    - m",
    "      deep", "   1. k", "-", "1.", "-\tt", "- - x", "> - l", "- > k", "> ```", "-     five", "<b>x</b>", "<pre>",
    "</pre>", "#", "#5 no", "**open", "close**", "日本語のテキスト", "a\tb", "[x](http://y \"t\")", "- [ ] task",
    "- [x] done",
    "\x1b[31mred\x1b[0m", "end\r", "https://example.org/a_b", "![alt](http://p)", "a<br>b", "&amp; &#27;",
    "def f(): # c",
    '"""doc', 'x = 1 """', "word " * 30, "x" * 90,
]  # fmt: skip
INDENTS = ["", "", "", "  ", "    ", "> ", "- ", "   "]


def document(seed: int, lines: int = 12) -> str:
    """A text that is the same for the same seed."""
    dice = random.Random(seed)
    return "\n".join(
        (dice.choice(INDENTS) if dice.random() < 0.3 else "") + dice.choice(LINES)
        for _ in range(dice.randint(1, lines))
    )


def chunks(text: str, seed: int) -> list[str]:
    """The text in pieces of 1 to 12 characters, or longer ones now and then."""
    dice = random.Random(seed)
    out: list[str] = []
    at = 0
    while at < len(text):
        size = dice.choice([1, 1, 2, 3, 5, 12, 60])
        out.append(text[at : at + size])
        at += size
    return out
