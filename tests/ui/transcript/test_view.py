"""The transcript in an app: what is seen, followed, marked, folded, copied, found and clicked."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.widget import Widget

from llmhub.ui.transcript import Item, Transcript
from ui.transcript.shown import CLOUD, GOLDENS, LOCAL, MIXED, Shown, drawn, settled, talk


@asynccontextmanager
async def shown(*items: Item, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Shown, Transcript, Pilot[None]]]:
    app = Shown()
    async with app.run_test(size=size) as pilot:
        app.transcript.load(items)
        await settled(pilot)
        yield app, app.transcript, pilot


def reply(text: str, key: str = "a", **facts: object) -> Item:
    return Item(key, "assistant", text, header=LOCAL, **facts)  # type: ignore[arg-type]


def told(app: Shown, kind: type) -> list[object]:
    return [message for message in app.told if isinstance(message, kind)]


# -- what is seen ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 120])
async def test_a_conversation_looks_as_it_is_kept(width: int) -> None:
    costs = (("~$0.0000300 power", "local"), (" ~$0.000534 with machine", ""), (" ○ ~$0.000366", "cloud"))
    async with shown(
        Item("q", "user", "Explain merge sort\n  in *three* steps.", marker="2/3"),
        reply(MIXED, left="47.2 tok/s · 412 tok", right=costs, thinking="Be short.", thought_s=2.1, thought_tokens=84),
        Item("q2", "user", "And in the cloud?"),
        Item("a2", "assistant", "It stopp", header=CLOUD, left="cut off · 12 tok", failed=True, marker="1/2"),
        Item("n", "notice", "Ollama stopped answering.", failed=True),
        size=(width, 62),
    ) as (app, _, _):
        seen = drawn(app)

    golden = GOLDENS / f"conversation-{width}.txt"
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(seen, "utf-8")
    assert seen == golden.read_text("utf-8")


async def test_the_sign_of_a_place_has_its_colour_and_words_stay_neutral() -> None:
    async with shown(reply("x", "a"), Item("b", "assistant", "y", header=CLOUD)) as (app, _, _):
        colours: dict[str, str] = {}
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                if segment.text.strip() in {"●", "○"} and segment.style and segment.style.color:
                    colours[segment.text.strip()] = segment.style.color.get_truecolor().hex

    assert colours == {"●": "#00aa00", "○": "#aaaa00"}


async def test_what_a_model_writes_is_never_markup_or_an_escape() -> None:
    text = "[bold]x[/bold] [/x] \x1b[31mred\x1b[0m \x9b2J \u202eabc &#27;[2J `\x07`\n\n```\n\x1b]0;t\x07\n```\n"
    async with shown(reply(text, left="[b]m[/b]"), size=(120, 20)) as (app, _, _):
        seen = drawn(app)

    assert "[bold]x[/bold] [/x] ␛[31mred␛[0m ?2J ?abc ?[2J ␇" in seen.replace("\N{REPLACEMENT CHARACTER}", "?")
    assert "␛]0;t␇" in seen
    assert "[b]m[/b]" in seen


async def test_thoughts_are_counted_while_they_come_and_folded() -> None:
    async with shown() as (app, view, pilot):
        view.begin_reply("a", LOCAL)
        view.feed_thinking("a", "Hm. ", tokens=2)
        await settled(pilot)
        first = drawn(app)
        view.feed_thinking("a", "Well.", tokens=3)
        view.feed("a", "Yes.")
        await settled(pilot)
        second = drawn(app)
        view.finish("a", "done", thought_s=2.1, thought_tokens=6)
        await settled(pilot)
        third = drawn(app)

    assert "▸ thinking, ~2 tokens" in first
    assert "▸ thought, ~5 tokens" in second
    assert "▸ thought for 2.1 s, 6 tokens\n Yes.\n done" in third
    assert "Hm." not in first + second + third


async def test_metrics_change_in_place_and_go_below_when_they_do_not_fit() -> None:
    async with shown(size=(40, 10)) as (app, view, pilot):
        view.begin_reply("a", LOCAL)
        view.feed("a", "Yes.")
        view.set_metrics("a", "~12 tok", "~$0.1")
        await settled(pilot)
        first = drawn(app)
        view.set_metrics("a", "47.2 tok/s · first 0.21 s", "~$0.0000300 power")
        await settled(pilot)
        second = drawn(app)

    assert " Yes.\n ~12 tok                          ~$0.1" in first
    assert " 47.2 tok/s · first 0.21 s\n                      ~$0.0000300 power" in second


# -- following ------------------------------------------------------------------------------------


async def test_the_end_is_followed_until_the_person_scrolls_and_again_from_the_end() -> None:
    async with shown(*talk(20), size=(60, 12)) as (app, view, pilot):
        view.begin_reply("r", LOCAL)
        view.feed("r", "one\n\ntwo\n\n")
        await settled(pilot)
        followed = [view.is_following]
        assert "two" in drawn(app)

        view.scroll_up(animate=False)
        await settled(pilot)
        followed.append(view.is_following)
        before = drawn(app).splitlines()[:-1]
        view.feed("r", "three\n\n" * 30)
        await settled(pilot)

        assert drawn(app).splitlines()[: len(before)] == before
        assert "↓ End: more is coming" in drawn(app)

        view.focus()
        await pilot.press("end")
        await settled(pilot)

        assert [*followed, view.is_following] == [True, False, True]
        assert "↓ End" not in drawn(app)


async def test_a_click_on_the_way_back_goes_to_the_end() -> None:
    async with shown(*talk(20), size=(60, 12)) as (app, view, pilot):
        view.scroll_up(animate=False)
        await settled(pilot)

        await pilot.click(Transcript, offset=(54, 11))
        await settled(pilot)

        assert view.is_following
        assert "Answer 19" in drawn(app)


async def test_scrolling_up_through_what_was_never_drawn_moves_one_row_at_a_time() -> None:
    long = "words that wrap at this width " * 7 + "\n\n- a\n- b\n\n| a | b |\n|--|--|\n| 1 | 2 |\n"
    async with shown(*talk(30, long), size=(50, 14)) as (app, view, pilot):
        rows = drawn(app).splitlines()

        for _ in range(60):
            before = rows
            view.scroll_up(animate=False)
            await pilot.pause()
            rows = drawn(app).splitlines()

            assert rows[1:13] == before[0:12]


async def test_a_chat_of_a_thousand_messages_draws_only_its_last_screen() -> None:
    async with shown(*talk(500), size=(80, 24)) as (app, view, _):
        assert "Answer 499" in drawn(app)
        assert view.work.blocks < 60


# -- size and theme -------------------------------------------------------------------------------


async def test_another_size_keeps_the_place_and_draws_only_what_is_seen() -> None:
    async with shown(*talk(300, "words that wrap " * 20), size=(100, 24)) as (app, view, pilot):
        view.scroll_to(y=1_000, animate=False)
        await settled(pilot)
        first = view.key_at_top

        await pilot.resize_terminal(61, 24)
        await settled(pilot)

        assert view.key_at_top == first
        assert max(len(line) for line in drawn(app).splitlines()) <= 61
        assert view.work.blocks < 100


async def test_a_width_that_comes_back_gives_the_same_screen() -> None:
    async with shown(reply(MIXED), size=(80, 24)) as (app, _, pilot):
        before = drawn(app)

        await pilot.resize_terminal(47, 24)
        await settled(pilot)
        await pilot.resize_terminal(80, 24)
        await settled(pilot)

        assert drawn(app) == before


async def test_another_theme_changes_colours_and_nothing_else() -> None:
    async with shown(*talk(3), reply(MIXED), size=(80, 24)) as (app, _, pilot):
        words = drawn(app)
        colours = {str(segment.style) for strip in app.screen._compositor.render_strips() for segment in strip}

        app.theme = "textual-light"
        await settled(pilot)

        assert drawn(app) == words
        after = {str(segment.style) for strip in app.screen._compositor.render_strips() for segment in strip}
        assert not colours & after


# -- turns ----------------------------------------------------------------------------------------


async def test_j_and_k_walk_the_turns_and_bring_them_into_view() -> None:
    async with shown(*talk(20), size=(60, 12)) as (app, view, pilot):
        view.focus()
        await pilot.pause()
        for _ in range(8):
            await pilot.press("k")
        await settled(pilot)

        assert view.focused_key == "q16"
        marked = [line for line in drawn(app).splitlines() if line.startswith("▌")]
        assert marked == ["▌you", "▌Question 16?"]
        assert [message.key for message in told(app, Transcript.TurnFocused)][-1] == "q16"  # type: ignore[attr-defined]

        await pilot.press("j")
        await settled(pilot)

        assert view.focused_key == "a16"


async def test_the_mark_is_seen_only_where_keys_go() -> None:
    async with shown(*talk(2)) as (app, view, pilot):
        view.focus()
        await pilot.press("k")
        await settled(pilot)
        assert "▌" in drawn(app)

        app.set_focus(None)
        await settled(pilot)

        assert "▌" not in drawn(app)


async def test_keys_ask_the_screen_for_what_it_must_do() -> None:
    async with shown(*talk(2)) as (app, view, pilot):
        view.focus()
        await pilot.press("k", "e", "r", "slash", "i")
        await settled(pilot)

    assert [message.key for message in told(app, Transcript.EditRequested)] == ["a1"]  # type: ignore[attr-defined]
    assert [message.key for message in told(app, Transcript.AgainRequested)] == ["a1"]  # type: ignore[attr-defined]
    assert len(told(app, Transcript.FindRequested)) == 1
    assert len(told(app, Transcript.BackToPrompt)) == 1


def test_every_binding_can_be_remapped_and_explains_itself() -> None:
    bindings = list(Transcript.BINDINGS)

    assert all(getattr(binding, "id", None) and getattr(binding, "tooltip", None) for binding in bindings)
    assert len({binding.id for binding in bindings}) == len(bindings)  # type: ignore[union-attr]


async def test_t_unfolds_thoughts_and_nothing_above_moves() -> None:
    items = [*talk(10), reply("Answer.", "z", thinking="First thought.\n\nSecond thought.")]
    async with shown(*items, size=(60, 16)) as (app, view, pilot):
        view.focus()
        await pilot.press("t")
        await settled(pilot)

        assert "▾ thought" in drawn(app)
        assert " First thought.\n\n Second thought.\n\n Answer." in drawn(app).replace("▌", " ")

        await pilot.press("t")
        await settled(pilot)

        assert "First thought." not in drawn(app)
        assert [m.expanded for m in told(app, Transcript.ThinkingToggled)] == [True, False]  # type: ignore[attr-defined]


async def test_a_click_unfolds_thoughts_too() -> None:
    async with shown(reply("Answer.", thinking="Hm.")) as (app, _, pilot):
        await pilot.click(Transcript, offset=(3, 1))
        await settled(pilot)

        assert "Hm." in drawn(app)


# -- copy -----------------------------------------------------------------------------------------


async def test_a_reply_is_copied_as_the_markdown_it_came_as() -> None:
    async with shown(reply(MIXED + "\x1b[0m")) as (app, view, pilot):
        view.focus()
        await pilot.press("y")
        await settled(pilot)

    assert [message.text for message in told(app, Transcript.Copied)] == [MIXED + "[0m"]  # type: ignore[attr-defined]


async def test_digits_copy_code_blocks_by_the_number_on_their_label() -> None:
    text = "```python\na = 1\n\n\tb\n```\n\n- item\n  ```\n  inner\n  ```\n\nend\n\n    indented\n"
    async with shown(reply(text)) as (app, view, pilot):
        view.focus()
        await pilot.press("1", "2", "3", "4")
        await settled(pilot)

    copied = [message.text for message in told(app, Transcript.Copied)]  # type: ignore[attr-defined]
    assert copied == ["a = 1\n\n\tb", "inner", "indented"]
    assert len(told(app, Transcript.NothingToCopy)) == 1


async def test_a_click_on_a_label_copies_its_block() -> None:
    async with shown(reply("```python\na = 1\n```\n")) as (app, _, pilot):
        row = next(y for y, line in enumerate(drawn(app).splitlines()) if "copy 1" in line)
        await pilot.click(Transcript, offset=(75, row))
        await settled(pilot)

    assert [message.text for message in told(app, Transcript.Copied)] == ["a = 1"]  # type: ignore[attr-defined]


async def test_a_click_on_a_link_tells_its_address() -> None:
    async with shown(reply("see [the docs](https://example.org/sort) now")) as (app, _, pilot):
        await pilot.click(Transcript, offset=(8, 1))
        await settled(pilot)

    assert [m.url for m in told(app, Transcript.LinkClicked)] == ["https://example.org/sort"]  # type: ignore[attr-defined]


async def test_a_link_under_the_mouse_tells_where_it_leads() -> None:
    async with shown(reply("see [the bank](https://example.org/[b]) now")) as (_, view, pilot):
        await pilot.hover(Transcript, offset=(8, 1))
        await settled(pilot)
        over = str(view.tooltip)
        await pilot.hover(Transcript, offset=(2, 1))
        await settled(pilot)

        assert over == "https://example.org/%5Bb%5D"
        assert view.tooltip is None


# -- selection ------------------------------------------------------------------------------------


async def drag(pilot: Pilot[None], start: tuple[int, int], end: tuple[int, int]) -> None:
    await pilot.mouse_down(Transcript, offset=start)
    await pilot.hover(Transcript, offset=end)
    await pilot.mouse_up(Transcript, offset=end)
    await settled(pilot)


async def test_a_dragged_selection_is_seen_and_copied_without_the_breaks_that_wrapping_made() -> None:
    text = "some words that wrap at this width for sure\n\n- an item that wraps as well, and how\n"
    async with shown(reply(text), size=(31, 12)) as (app, _, pilot):
        assert drawn(app).splitlines()[1:] == [
            " some words that wrap at this",
            " width for sure",
            "",
            "  • an item that wraps as",
            "    well, and how",
        ]

        await drag(pilot, (6, 1), (8, 5))

        words = "words that wrap at this width for sure\n\n • an item that wraps as well,"
        assert app.screen.get_selected_text() == words
        background = app.screen.get_component_rich_style("screen--selection").bgcolor
        strip = app.screen._compositor.render_strips()[2]
        assert [segment.text for segment in strip if segment.style and segment.style.bgcolor == background] == [
            "width for sure"
        ]


async def test_a_selection_stays_on_its_words_while_the_reply_grows() -> None:
    async with shown(*talk(4), size=(60, 20)) as (app, view, pilot):
        row = next(y for y, line in enumerate(drawn(app).splitlines()) if "Answer 3." in line)
        await drag(pilot, (1, row), (9, row))
        view.begin_reply("r", LOCAL)
        view.feed("r", "more\n\n" * 40)
        await settled(pilot)

        assert app.screen.get_selected_text() == "Answer 3."


async def test_another_width_drops_a_selection_whose_rows_are_gone() -> None:
    async with shown(reply("some words that wrap at this width for sure"), size=(31, 8)) as (app, _, pilot):
        await drag(pilot, (1, 1), (6, 2))

        await pilot.resize_terminal(60, 8)
        await settled(pilot)

        assert app.screen.get_selected_text() is None


async def test_wide_characters_are_selected_where_they_are_seen() -> None:
    async with shown(reply("日本語テキスト"), size=(40, 8)) as (app, _, pilot):
        await drag(pilot, (3, 1), (5, 1))

        assert app.screen.get_selected_text() == "本語"


async def test_code_is_selected_as_code_and_labels_are_left_out() -> None:
    async with shown(reply("one\n\n```python\nif x:\n    y = 1\n```\n\ntwo\n"), size=(50, 14)) as (app, view, pilot):
        lines = drawn(app).splitlines()
        last = lines.index(" two")
        await drag(pilot, (1, 1), (3, last))

        assert app.screen.get_selected_text() == "one\n\nif x:\n    y = 1\n\ntwo"
        assert view.text_selection is not None


async def test_two_clicks_take_a_word_and_three_the_paragraph() -> None:
    async with shown(reply("some words that wrap at this width for sure\n\nother\n"), size=(31, 12)) as (app, _, pilot):
        await pilot.click(Transcript, offset=(8, 1), times=2)
        await settled(pilot)
        word = app.screen.get_selected_text()
        await pilot.click(Transcript, offset=(8, 1), times=3)
        await settled(pilot)

        assert word == "words"
        assert app.screen.get_selected_text() == "some words that wrap at this width for sure"


async def test_everything_selected_reads_as_what_is_on_the_screen() -> None:
    async with shown(*talk(200), size=(60, 9)) as (app, view, _):
        view.text_select_all()

        assert (app.screen.get_selected_text() or "").splitlines() == [
            line.strip() for line in drawn(app).rstrip("\n").splitlines()
        ]
        assert view.work.blocks < 40


# -- find -----------------------------------------------------------------------------------------


async def test_find_goes_through_matches_across_markup_and_rows_and_around_the_end() -> None:
    items = [
        reply("nothing here", "a"),
        reply("a **nee**dle in\n\n- hay\n- a needle", "b"),
        *talk(20),
        reply("words before the very long needle case", "c"),
    ]
    async with shown(*items, size=(30, 10)) as (app, view, pilot):
        count = view.find("NEEDLE")
        await settled(pilot)
        seen = [drawn(app)]
        for _ in range(3):
            view.find_next()
            await settled(pilot)
            seen.append(drawn(app))
        view.find_previous()
        await settled(pilot)

        assert count == 3
        moved = [(m.number, m.count) for m in told(app, Transcript.FindMoved)]  # type: ignore[attr-defined]
        assert moved == [(3, 3), (1, 3), (2, 3), (3, 3), (2, 3)]
        assert "needle case" in seen[0] or "needle\n" in seen[0]
        assert "a needle in" in seen[1]


async def test_matches_are_marked_and_the_current_one_differs() -> None:
    async with shown(reply("one two one two one")) as (app, view, pilot):
        view.find("two")
        await settled(pilot)
        strip = app.screen._compositor.render_strips()[1]
        grounds = [segment.style.bgcolor for segment in strip if segment.text == "two" and segment.style]
        view.find("")
        await settled(pilot)
        after = {s.style.bgcolor for s in app.screen._compositor.render_strips()[1] if "two" in s.text and s.style}

        assert len(grounds) == 2
        assert grounds[0] != grounds[1]
        assert not after & set(grounds)


async def test_a_match_over_the_end_of_a_row_is_found() -> None:
    async with shown(reply("some words that wrap at this width for sure"), size=(31, 8)) as (_, view, _pilot):
        assert view.find("this width") == 1


async def test_what_is_everywhere_is_not_counted_to_the_end() -> None:
    async with shown(*talk(600), size=(60, 10)) as (_, view, _pilot):
        assert view.find("answer") is None
        assert view.work.blocks < 1_500


# -- frames ---------------------------------------------------------------------------------------


async def test_a_token_repaints_its_row_and_lays_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(size=(80, 24)) as (_, view, pilot):
        view.begin_reply("r", LOCAL)
        view.feed("r", "Some words")
        await settled(pilot)
        painted: list[set[int]] = []
        layouts: list[object] = []
        refresh = Widget.refresh

        def counted(self: Widget, *regions: object, layout: bool = False, **options: object) -> Widget:
            if self is view:
                painted.append({region.y for region in regions})  # type: ignore[attr-defined]
            if layout:
                layouts.append(self)
            return refresh(self, *regions, layout=layout, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Widget, "refresh", counted)
        view.feed("r", " more")
        await settled(pilot)
        view.feed("r", "\n\nA paragraph")
        await settled(pilot)

        assert painted == [{1}, {3}]
        assert layouts == []


async def test_many_feeds_are_one_frame_and_nothing_runs_at_rest() -> None:
    async with shown(size=(80, 24)) as (_, view, pilot):
        view.begin_reply("r", LOCAL)
        await settled(pilot)
        before = view.work.blocks

        for _ in range(500):
            view.feed("r", "word ")
        await settled(pilot)

        assert view.work.blocks - before <= 3
        assert view._frame_due is None
        assert not view._timers


async def test_a_key_that_is_not_there_is_fed_to_nobody() -> None:
    async with shown(*talk(1)) as (app, view, pilot):
        before = drawn(app)
        view.feed("gone", "text")
        view.feed_thinking("gone", "text")
        view.set_metrics("gone", "x")
        view.finish("gone", "x")
        view.set_marker("gone", "1/2")
        view.set_header("gone", LOCAL)
        await settled(pilot)

        assert drawn(app) == before


async def test_loading_the_same_turns_again_draws_nothing_again() -> None:
    items = talk(5)
    async with shown(*items) as (app, view, pilot):
        seen = drawn(app)
        before = view.work.blocks

        view.load(items)
        await settled(pilot)

        assert drawn(app) == seen
        assert view.work.blocks == before


async def test_hostile_text_neither_hangs_nor_breaks_the_frame() -> None:
    texts = ["x" * 300_000, "`" * 20_000, "[" * 20_000, "*a " * 20_000, "> " * 5_000 + "x", "- " * 5_000]
    texts += ["\u0301" * 9_000, "|" * 5_000 + "\n" + "|-" * 5_000, "👍🏽👨‍👩‍👧\u200d" * 2_000, "\t" * 5_000]
    texts += ["<" * 5_000, "1. " * 3_000, "日" * 50_000]
    async with shown(size=(60, 20)) as (app, view, pilot):
        for number, text in enumerate(texts):
            view.begin_reply(f"r{number}", LOCAL)
            view.feed(f"r{number}", text)
            view.finish(f"r{number}", "done")
            await settled(pilot)

            strips = app.screen._compositor.render_strips()
            assert {strip.cell_length for strip in strips} == {60}
            assert "done" in drawn(app)


async def test_positions_are_told_to_textual_for_every_row_with_text() -> None:
    async with shown(reply("one\n\ntwo")) as (app, _, _pilot):
        widget, offset = app.screen.get_widget_and_offset_at(2, 1)

        assert widget is app.transcript
        assert isinstance(offset, Offset)
