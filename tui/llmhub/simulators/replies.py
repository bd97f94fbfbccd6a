"""What the simulated models say: pleasant, and always the same for the same prompt and model.

The texts use everything a chat screen must draw: headings, lists, tables, quotes, fences in several languages, wide
characters and emoji. A prompt is answered by its subject, found by its words. Which of the two voices speaks, the brief
or the thorough one, and how it begins, depends on the model, so that two lanes seldom show the same answer.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import cycle, islice

from llmhub.simulators.texts import GENERAL, SUBJECTS, Subject

_PIECE = re.compile(
    r"\n+[ \t]*"  # line ends with the indent after them
    r"| ?[A-Za-zÀ-ɏ]+"  # words, with the blank before
    r"| ?\d{1,3}"
    r"| ?[-=|#*`_.:/~<>+]+"  # runs of marks
    r"|[\u2E80-\u9FFF\uAC00-\uD7AF\u3040-\u30FF]"  # one character of CJK a token
    r"| ?(?P<sign>[^\sA-Za-z0-9])(?P=sign)*[\uFE0F\u200D]?"  # any other sign, a run of it is one token
    r"|[ \t]+|\s"
)
_OPENINGS = (
    "",
    "Sure! ",
    "Let me think this through with you.\n\n",
    "Here is what I would say.\n\n",
    "Good question.\n\n",
    "In short, and then in full:\n\n",
    "Of course.\n\n",
)
_LONG = 9
"""Letters up to which a word is one token; a longer one is cut, as vocabularies do it."""


def pieces(text: str) -> list[str]:
    """`text` cut as a tokenizer would: word pieces with the blank before them. Joined they are the text again."""
    out: list[str] = []
    for match in _PIECE.finditer(text):
        piece = match.group()
        word = piece.lstrip(" ")
        if len(word) > _LONG and word.isalpha():
            head = len(piece) - len(word) + 5
            out.append(piece[:head])
            out += [piece[start : start + 5] for start in range(head, len(piece), 5)]
        else:
            out.append(piece)
    return out


def answer(prompt: str, model: str, *, brief: bool = False) -> str:
    """The reply of `model` to `prompt`, Markdown.

    Args:
        prompt: The last thing the person said.
        model: Its name; it decides between the two voices.
        brief: The short voice whatever the model ("be terse").
    """
    subject = _subject(prompt)
    thorough = not brief and _voice(model) == 0
    opening = "" if brief else _OPENINGS[zlib.crc32(model.encode()) % len(_OPENINGS)]
    body = subject.thorough if thorough else subject.brief
    if opening.endswith(" ") and not body[0].isalpha():
        opening = opening.rstrip() + "\n\n"  # a heading must begin its own line
    text = opening + body
    return text.replace("{topic}", _topic(prompt)).replace("{model}", model)


def thoughts(prompt: str, model: str, *, effort: str = "medium") -> str:
    """What a thinking model says to itself before it answers; longer with more effort."""
    topic = _topic(prompt)
    lines = [
        f"Okay, the user asks about {topic}. Let me see what they really need.",
        f"\n\nThis is about {_subject(prompt).title}. I should check the facts first, then decide how much to say.",
        "\n\nA short introduction, one example, and the usual mistake. Wait, should there be a table? Only to compare.",
        "\n\nLet me go through it once more: is the example right? Yes: I worked it out by hand and it gives the same.",
        "\n\nI could also mention the limits. One sentence is enough; nobody reads three.",
        "\n\nGood. I'll keep it clear and end with one thing to try.",
    ]
    count = {"low": 2, "medium": 4, "high": 6, "max": 6}.get(effort, 4)
    extra = 1 if zlib.crc32(model.encode()) % 2 else 0
    return "".join([*lines[: max(1, count - 1 - extra)], lines[-1]])


def stream(tokens: int) -> Iterator[str]:
    """Exactly `tokens` pieces of mixed Markdown: prose, lists, tables and code, over and over."""
    return islice(cycle(_mixed()), tokens)


def tool_answer(name: str, result: str) -> str:
    """What a model makes of a tool's result."""
    shown = result.strip() or "(nothing)"
    return f"The tool `{name}` answered:\n\n> {shown[:400]}\n\nThat is what I base my answer on."


@lru_cache(maxsize=1)
def _mixed() -> tuple[str, ...]:
    whole = "\n\n".join(subject.thorough for subject in (*SUBJECTS, GENERAL))
    return tuple(pieces(whole.replace("{topic}", "this").replace("{model}", "the model") + "\n\n"))


def _subject(prompt: str) -> Subject:
    words = set(re.findall(r"[a-z0-9+#]+", prompt.lower()))
    best = max(SUBJECTS, key=lambda subject: len(words & subject.words))
    if words & best.words:
        return best
    if any("\u3040" <= sign <= "\u9fff" or "\uac00" <= sign <= "\ud7af" for sign in prompt):
        return next(subject for subject in SUBJECTS if "translate" in subject.words)
    return GENERAL


def _voice(model: str) -> int:
    return zlib.crc32(model.split(":")[0].encode()) % 2


def _topic(prompt: str) -> str:
    first = " ".join(prompt.split())
    first = re.sub(r"^(please|can you|could you|explain|describe|tell me|what is|what are|how do i|how to)\b[ ,:]*",
                   "", first, flags=re.IGNORECASE)  # fmt: skip
    first = first.rstrip("?!. ")
    return f"“{first[:60]}”" if first else "this"
