"""The parts of the transcript by themselves: cleaning, wrapping, heights, tables, colours, inline text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from llmhub.ui.transcript import highlight
from llmhub.ui.transcript.cleaning import LineEndings, copied, shown
from llmhub.ui.transcript.heights import Heights
from llmhub.ui.transcript.inline import LINK, styled
from llmhub.ui.transcript.mending import mended
from llmhub.ui.transcript.thumb import thumb
from llmhub.ui.transcript.wrap import wrap
from ui.transcript.sheets import COLOURED, Paper, page

PLAIN = Style.null()


# -- cleaning -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\x1b[31mb\x00\x7f", "a␛[31mb␀␡"),
        ("\x9b31m\x85", "?31m?"),
        ("a\tb", "a   b"),
        ("\u202eevil\u2069 \u200f", "?evil? ?"),
        ("zero\u200bwidth\ufeff\u2060", "zerowidth"),
        ("half \ud83d", "half ?"),
        ("👍🏽 👨‍👩‍👧 ⚠️", "👍 👨👩👧 ⚠"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 3),
        ("\U000e0041tag", "tag"),
        ("plain ascii", "plain ascii"),
    ],
)
def test_what_is_shown_is_visible_or_gone(text: str, safe: str) -> None:
    assert shown(text).replace("\N{REPLACEMENT CHARACTER}", "?") == safe


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_shown(text: str) -> None:
    seen = shown(text)

    assert not [char for char in seen if ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000]
    seen.encode("utf-8")


def test_what_is_copied_keeps_lines_and_tabs_and_no_controls() -> None:
    assert copied("a\tb\n\x1b[0mc\x07\x9b") == "a\tb\n[0mc"


@given(st.lists(st.text(alphabet="a\r\n", max_size=4)))
def test_line_ends_are_the_same_however_they_are_cut(chunks: list[str]) -> None:
    endings = LineEndings()

    out = "".join(endings.feed(chunk) for chunk in chunks) + endings.finish()

    assert out == "".join(chunks).replace("\r\n", "\n").replace("\r", "\n")


# -- wrapping -------------------------------------------------------------------------------------


@given(st.text(alphabet="ab 日本、。👍é-", max_size=60), st.integers(2, 12), st.booleans())
def test_rows_fit_and_lose_nothing_but_the_spaces_between_them(text: str, width: int, anywhere: bool) -> None:
    cuts = wrap([(text, PLAIN)], width, anywhere=anywhere)

    rows = ["".join(part for part, _ in cut.spans) for cut in cuts]
    assert all(cell_len(row) <= width for row in rows)
    assert [cut.cells for cut in cuts] == [cell_len(row) for row in rows]
    together = "".join(row + cut.join for row, cut in zip(rows, cuts, strict=True))
    assert together.split() == text.split() or together.replace(" ", "").rstrip("\n") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("one  two", 4, ["one", "two"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("日本語。テ", 6, ["日本", "語。テ"]),
        ("日本語", 5, ["日本", "語"]),
        ("a\n\nb", 5, ["a", "", "b"]),
        ("  indented text", 9, ["  indente", "d text"]),
        ("", 5, [""]),
    ],
)
def test_rows_end_where_a_reader_expects(text: str, width: int, rows: list[str]) -> None:
    assert ["".join(part for part, _ in cut.spans) for cut in wrap([(text, PLAIN)], width)] == rows


def test_styles_stay_on_their_words() -> None:
    bold = Style(bold=True)

    cuts = wrap([("one ", PLAIN), ("two three", bold), (" four", PLAIN)], 8)

    assert [cut.spans for cut in cuts] == [
        [("one ", PLAIN), ("two", bold)],
        [("three", bold)],
        [("four", PLAIN)],
    ]


# -- heights --------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=30), st.integers(0, 80))
def test_heights_are_those_of_a_plain_list_whatever_changed(changes: list[tuple[int, int]], row: int) -> None:
    heights, plain = Heights(), list[int]()

    for height, at in changes:
        if at < len(plain):
            heights[at] = plain[at] = height
        elif at > 28:
            heights.truncate(at // 10)
            del plain[at // 10 :]
        else:
            heights.append(height)
            plain.append(height)

        assert heights.total == sum(plain)
        assert [heights.top(index) for index in range(len(plain) + 1)] == [
            sum(plain[:i]) for i in range(len(plain) + 1)
        ]
        if row < sum(plain):
            found = heights.find(row)
            assert sum(plain[:found]) <= row < sum(plain[: found + 1])


def test_the_thumb_is_at_the_ends_of_its_bar_at_the_ends_of_the_text() -> None:
    assert thumb(20, 10, 0) == (0, 0)
    assert thumb(20, 200, 0)[0] == 0
    assert thumb(20, 200, 180)[1] == 20 * 8
    assert thumb(20, 1_000_000, 500_000) == (76, 84)


# -- blocks as rows -------------------------------------------------------------------------------


def test_a_list_is_spaced_as_its_source_is() -> None:
    assert page("- a\n- b\n\n- c\n\n  d\n- e\n") == " • a\n • b\n\n • c\n\n   d\n • e\n"


def test_numbers_count_from_the_first_and_line_up() -> None:
    assert page("".join(f"{number}. x\n" for number in [8, 8, 1])) == " 8. x\n 9. x\n10. x\n"


def test_quotes_keep_their_bar_through_empty_rows_and_lists_in_them() -> None:
    assert page("> a\n>\n> - b\n>   - c\n\nd\n") == "▌ a\n▌\n▌  • b\n▌     ◦ c\n\nd\n"


def test_code_in_an_item_stands_under_its_text() -> None:
    text = page("1. do:\n   ```sh\n   ls\n   ```\n2. done\n", width=30)

    assert text == " 1. do:\n\n     sh               copy 1\n     ls\n\n 2. done\n"


def test_a_table_shares_the_width_and_wraps_its_cells() -> None:
    text = "| a | long |\n|--:|---|\n| 1 | words that need more room than there is |\n"

    assert page(text, width=30).splitlines() == [
        "a │ long",
        "──┼──────────────────────────",
        "1 │ words that need more room",
        "  │ than there is",
    ]


def test_a_table_too_wide_for_the_lane_is_read_row_by_row() -> None:
    columns = 8
    text = "|" + "h|" * columns + "\n|" + "-|" * columns + "\n|" + "v|" * columns + "\n"

    assert page(text, width=30).splitlines()[:3] == ["h: v"] * 3


def test_a_table_of_many_rows_keeps_the_widths_of_its_first_rows() -> None:
    rows = ["| key | value |", "|---|---|", *[f"| {n} | v |" for n in range(80)], "| a much longer key | v |"]

    text = page("\n".join(rows) + "\n").splitlines()

    assert text[1] == "────┼──────"
    assert text[-3:] == ["lon │", "ger │", "key │"] or text[-1].endswith("│")
    assert all(line.index("│") == 4 for line in text if "│" in line)


def test_html_is_shown_as_it_is_written_and_breaks_break() -> None:
    assert page("<details>\n<b>x</b>\n</details>\n\na<br>b <kbd>c</kbd>\n") == (
        "<details>\n<b>x</b>\n</details>\n\na\nb <kbd>c</kbd>\n"
    )


def test_deep_lists_leave_room_for_words() -> None:
    text = "".join("  " * depth + "- x\n" for depth in range(20))

    assert all(len(line) <= 40 for line in page(text, width=40).splitlines())
    assert page(text, width=40).count("x") == 20


# -- inline ---------------------------------------------------------------------------------------


def addresses(text: str) -> list[tuple[str, str]]:
    spans = styled(text, {}, COLOURED, "text")
    return [(part, style.meta[LINK]) for part, style in spans if LINK in style.meta]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://a.b/c_d_e.", [("https://a.b/c_d_e", "https://a.b/c_d_e")]),
        ("(https://a.b/c_(d))", [("https://a.b/c_(d)", "https://a.b/c_(d)")]),
        ("[x](https://a.b)", [("x", "https://a.b")]),
        ("<https://a.b>", [("https://a.b", "https://a.b")]),
        ("![alt](https://a.b/i.png)", [("[image: alt]", "https://a.b/i.png")]),
        ("[x](javascript:alert)", []),
        ("`https://a.b`", []),
    ],
)
def test_links_are_found_with_their_address(text: str, links: list[tuple[str, str]]) -> None:
    assert addresses(text) == links


def test_bold_italic_struck_and_code_have_their_looks() -> None:
    looks = dict(styled("**b** *i* ~~s~~ `c` ***bi***", {}, COLOURED, "text"))

    assert (looks["b"].bold, looks["i"].italic, looks["s"].strike) == (True, True, True)
    assert (looks["bi"].bold, looks["bi"].italic) == (True, True)
    assert looks["c"].color == COLOURED["inline-code"].color


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a **bo", "a **bo**"),
        ("a **bold*", "a **bold**"),
        ("a **", "a"),
        ("a **bold** b", "a **bold** b"),
        ("2**3", "2**3"),
        ("a `co", "a `co`"),
        ("a `", "a"),
        ("~~gone", "~~gone~~"),
        ("**a** and **b ", "**a** and **b**"),
        ("`**` x", "`**` x"),
    ],
)
def test_what_a_growing_paragraph_opened_is_closed_for_the_eye(text: str, seen: str) -> None:
    assert mended(text) == seen


def test_a_finished_paragraph_is_read_as_it_is() -> None:
    growing = Paper().feed(["a **bo"])
    words = growing.text

    assert words == "a bo\n"
    assert growing.finish().text == "a **bo\n"


# -- colours of code ------------------------------------------------------------------------------


def roles(language: str, *lines: str) -> list[list[tuple[str, str]]]:
    state = highlight.first_state(language)
    out: list[list[tuple[str, str]]] = []
    for line in lines:
        tokens, state = highlight.coloured(language, line, state)
        assert "".join(text for text, _ in tokens) == line
        out.append(tokens)
    return out


def test_a_string_over_lines_keeps_its_colour() -> None:
    first, second, third = roles("python", 'x = """a', "b", 'c""" + d')

    assert first[-1] == ('"""a', "code-string")
    assert second == [("b", "code-string")]
    assert third[0] == ('c"""', "code-string")
    assert third[-1][1] == "code"


def test_a_comment_over_lines_keeps_its_colour_where_the_lexer_reads_it_in_one() -> None:
    assert roles("java", "int a; /* b", "c", "d */ int e;")[1:] == [
        [("c", "code-comment")],
        [("d */", "code-comment"), (" ", "code"), ("int", "code-keyword"), (" e;", "code")],
    ]


def test_an_unknown_language_has_no_colours_and_a_very_long_line_none_either() -> None:
    highlight.load("no such language")

    assert roles("no such language", "a b") == [[("a b", "code")]]
    assert roles("python", "x" * 3_000) == [[("x" * 3_000, "code")]]


def test_a_lexer_that_fails_leaves_the_line_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def get_tokens_unprocessed(self, text: str) -> object:
            raise RuntimeError(text)

    monkeypatch.setitem(highlight._loaded, "broken", Broken())

    assert roles("broken", "a") == [[("a", "code")]]


def test_colours_come_when_the_language_was_loaded_and_heights_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    lexer = highlight._loaded["python"]
    monkeypatch.delitem(highlight._loaded, "python")
    paper = Paper().feed(["```python\nif x:\n    y = 1\n```\n"]).finish()
    before = paper.strips

    monkeypatch.setitem(highlight._loaded, "python", lexer)
    paper.document.recolour("python")

    assert paper.strips != before
    assert [strip.text for strip in paper.strips] == [strip.text for strip in before]
    assert paper.strips == Paper().feed(["```python\nif x:\n    y = 1\n```\n"]).finish().strips
