"""Text from outside loses what could harm a terminal, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.plain import one_line, plain, whole


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain words", "plain words"),
        ("Grüße 😀 日本語", "Grüße 😀 日本語"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("a\r\nb\rc", "a\nbc"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[?1049h\x1b[2J\x1b[1;1Hx", "x"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;c2VjcmV0\x07x", "x"),
        ("\x1bP1$r\x1b\\x", "x"),
        ("\x1b_G\x1b\\x", "x"),
        ("\x9d0;t\x9cx", "x"),
        ("\x1bcx", "x"),
        ("\x1b(0x", "x"),
        ("nul\x00bel\x07bs\x08del\x7f", "nulbelbsdel"),
        ("\u202egnp.exe\u202c\u2066x\u2069", "gnp.exex"),
        ("\u2028\u2029\ufeffx", "x"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("[red]markup[/]", "[red]markup[/]"),
        ("\x1b", ""),
        ("end \x1b[", "end "),
    ],
)
def test_what_is_left_of_a_text(text: str, left: str) -> None:
    assert plain(text) == left


@given(st.text(st.characters(codec=None, categories=("Cc", "Cf", "Cs", "Lu", "Nd", "Po", "Ps")), max_size=60))
def test_no_control_and_no_escape_survives_and_the_rest_can_be_encoded(text: str) -> None:
    left = plain(text)

    assert not {char for char in left if (ord(char) < 32 or 127 <= ord(char) < 160) and char not in "\t\n"}
    assert left.encode().decode() == left
    assert plain(left) == left


def test_a_line_is_one_line_and_not_longer_than_asked() -> None:
    assert one_line("  a\n\n b\tc  ") == "a b c"
    assert one_line("word " * 100, 20) == "word word word word…"


def test_a_whole_text_has_no_half_pairs() -> None:
    assert whole("a\ud800b") == "a\ufffdb"
