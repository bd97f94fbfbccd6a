"""The widgets that other screens use too: status bar, error strip, picker, details, key line."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Input, OptionList

from llmhub.core.errors import FailureKind, LLMHubError
from llmhub.core.memory import MemoryState, Placement, planned_bytes
from llmhub.core.models import ModelDetails
from llmhub.ui.screens.details import DetailsScreen
from llmhub.ui.screens.models import ModelsScreen
from llmhub.ui.widgets.error_strip import ErrorAction, ErrorStrip
from llmhub.ui.widgets.model_picker import ModelPicker
from support.fake_host import GIB, FakeHost, failure, installed_model
from support.models_mode import Stand, models_mode
from support.screens import drawn, shows


def top(stand: Stand) -> str:
    return drawn(stand.app).splitlines()[0]


# -- status bar -----------------------------------------------------------------------------------


async def test_demo_and_offline_stay_whatever_the_width_and_the_gauge_gives_way() -> None:
    async with models_mode(demo=True, offline=True) as stand:
        seen = {}
        for width in (80, 70, 52, 38):
            await stand.pilot.resize_terminal(width, 24)
            await stand.until(lambda width=width: stand.screen.size.width == width)  # type: ignore[misc]
            assert " DEMO " in top(stand)
            seen[width] = top(stand).split("offline")[1].strip()

        assert seen == {
            80: "● 2 loaded · GPU ▓▓░░░░░░ 6.0/25.0 GiB",
            70: "● 2 loaded · GPU 6.0/25.0 GiB",
            52: "● 2 loaded",
            38: "",
        }


async def test_the_marks_are_there_before_anything_is_connected() -> None:
    async with models_mode(connect=False, demo=True, offline=True) as stand:
        assert " DEMO " in top(stand)
        assert " offline " in top(stand)
        assert "looking for Ollama" in top(stand)


async def test_without_a_daemon_the_bar_says_so_and_without_a_memory_it_shows_no_gauge() -> None:
    host = FakeHost()
    host.down = True
    async with models_mode(host) as stand:
        assert "no Ollama" in top(stand)

        stand.hub.memory_state = None
        host.down = False
        stand.hub.services.memory  # noqa: B018
        await stand.look()
        stand.hub.memory_state = MemoryState("RAM", 16 * GIB, 4 * GIB, "a test")
        stand.hub.changed()
        await stand.pilot.pause()

        assert top(stand).endswith("● 0 loaded · RAM ▓▓▓▓▓▓░░ 12.0/16.0 GiB")


# -- error strip ----------------------------------------------------------------------------------


def problem(number: int, subject: str = "it") -> LLMHubError:
    return LLMHubError(f"Failure {number}", subject, "do something")


async def test_the_newest_failure_is_shown_and_the_others_come_after_it() -> None:
    async with models_mode() as stand:
        stand.strip.show(problem(1))
        stand.strip.show(problem(2))
        await stand.pilot.pause()
        assert "✗ Failure 2 · it · do something · 1 more" in drawn(stand.app)

        stand.strip.focus()
        await stand.press("escape")
        assert "✗ Failure 1 · it · do something" in drawn(stand.app)
        await stand.press("escape")

        assert stand.strip.error is None
        assert not stand.strip.display


async def test_the_same_failure_of_the_same_thing_is_told_once() -> None:
    async with models_mode() as stand:
        for _ in range(3):
            stand.strip.show(problem(1))
        await stand.pilot.pause()

        assert "more" not in drawn(stand.app)


async def test_tab_reaches_the_strip_and_enter_opens_what_can_be_done() -> None:
    done: list[str] = []
    async with models_mode() as stand:
        stand.strip.show(
            problem(1), [ErrorAction("Retry", lambda: done.append("retry")), ErrorAction("Start it", done.clear)]
        )
        await stand.pilot.pause()
        assert "· Enter: retry or start it" in drawn(stand.app)

        await stand.until(lambda: stand.strip.display)
        for _ in range(4):
            if stand.app.focused is stand.strip:
                break
            await stand.press("tab")
        assert stand.app.focused is stand.strip
        await stand.press("enter")
        assert stand.strip.is_open
        await stand.press("enter")

        assert done == ["retry"]
        assert stand.strip.error is None


async def test_escape_closes_what_can_be_done_before_it_takes_the_message_away() -> None:
    async with models_mode() as stand:
        stand.strip.show(problem(1), [ErrorAction("retry", lambda: None)])
        await stand.pilot.pause()
        stand.strip.focus()
        await stand.press("enter", "escape")

        assert not stand.strip.is_open
        assert stand.strip.error is not None


async def test_a_click_opens_it_and_the_last_choice_closes_the_message() -> None:
    async with models_mode() as stand:
        stand.strip.show(problem(1), [ErrorAction("retry", lambda: None)])
        await stand.pilot.pause()
        await stand.pilot.click("ErrorStrip #error-line")
        await stand.pilot.pause()
        assert stand.strip.is_open

        await stand.press("down", "enter")

        assert stand.strip.error is None


async def test_words_of_a_daemon_are_only_text() -> None:
    async with models_mode() as stand:
        stand.strip.show(
            failure(happened="[bold]no[/x]\x1b[31m", subject="\x1b]0;t\x07a", remedy="[", detail="\x1b[2J[/]")
        )
        await stand.pilot.pause()
        stand.strip.focus()
        await stand.press("enter")

        screen = drawn(stand.app)
        assert "✗ [bold]no[/x] · a · [" in screen
        assert "\x1b" not in screen


async def test_a_failure_told_before_the_strip_is_there_is_drawn_when_it_is() -> None:
    strip = ErrorStrip()
    strip.show(problem(1))
    async with models_mode(connect=False) as stand:
        await stand.screen.mount(strip, before="#headline")
        await shows(stand.pilot, "Failure 1")


# -- picker ---------------------------------------------------------------------------------------


async def pick(stand: Stand, **options: str) -> list[str | None]:
    """Open the picker; what it answers lands in the list."""
    answers: list[str | None] = []
    stand.app.push_screen(ModelPicker(stand.hub, **options), answers.append)
    await stand.until(lambda: isinstance(stand.app.screen, ModelPicker))
    await stand.until(lambda: stand.app.screen.query_one(OptionList).option_count)
    return answers


async def test_a_few_letters_and_enter_choose() -> None:
    async with models_mode() as stand:
        answers = await pick(stand)
        await stand.type("oss 20")
        await stand.press("enter")

        assert answers == ["gpt-oss:20b"]


async def test_the_arrows_move_while_letters_are_typed() -> None:
    async with models_mode() as stand:
        answers = await pick(stand)
        await stand.press("down", "enter")

        assert answers == ["qwen3:8b"]


async def test_it_stands_on_the_current_model_and_escape_answers_nothing() -> None:
    async with models_mode() as stand:
        answers = await pick(stand, current="gpt-oss:20b")
        chosen = stand.app.screen.query_one(OptionList)
        assert chosen.highlighted == 3

        await stand.press("escape")

        assert answers == [None]


async def test_a_name_that_is_not_there_is_offered_as_a_pull() -> None:
    async with models_mode() as stand:
        answers = await pick(stand)
        await stand.type("phi4:14b")
        assert "↓ pull phi4:14b" in drawn(stand.app)
        await stand.press("enter")
        await stand.until(lambda: ("pull", "phi4:14b") in stand.host.calls)

        assert answers == [None]


async def test_what_is_there_or_is_no_name_is_not_offered_as_a_pull() -> None:
    async with models_mode() as stand:
        await pick(stand)
        for typed in ("qwen3:8b", "QWEN3:8b", "x", "two words", "a/b/c/d"):
            stand.app.screen.query_one(Input).value = typed
            await stand.pilot.pause()

            assert "↓ pull" not in drawn(stand.app), typed


async def test_a_model_that_arrives_while_it_is_open_is_listed_and_the_typing_stays() -> None:
    async with models_mode(FakeHost()) as stand:
        answers = await pick(stand)
        assert "No model is here yet: type a name to pull it." in drawn(stand.app)
        stand.host.models.append(installed_model("new:1b"))
        await stand.type("ne")
        await stand.look()
        await shows(stand.pilot, "● new:1b")
        await stand.press("enter")

        assert answers == ["new:1b"]


async def test_four_hundred_models_are_searched_at_once() -> None:
    async with models_mode(FakeHost(*(installed_model(f"hf.co/a/Model-{n}-GGUF:Q4_K_M") for n in range(450)))) as stand:
        answers = await pick(stand)
        await stand.type("model-449")
        await stand.press("enter")

        assert answers == ["hf.co/a/Model-449-GGUF:Q4_K_M"]


async def test_what_does_not_fit_is_marked_in_words_and_what_does_has_its_sign() -> None:
    for size in ((80, 24), (120, 40)):
        async with models_mode(size=size) as stand:
            await pick(stand)
            lines = drawn(stand.app).splitlines()

            assert any("llama3.1:70b" in line and "✗ does not fit" in line for line in lines)
            assert any("qwen3:8b" in line and "✓ fits" in line for line in lines)
            assert not any("gpt-oss:120b-cloud" in line and "fit" in line for line in lines)


async def test_what_does_not_fit_is_dim_and_can_be_chosen_all_the_same() -> None:
    async with models_mode() as stand:
        answers = await pick(stand)
        await stand.type("70b")
        await stand.pilot.pause()
        chosen = stand.app.screen.query_one(OptionList)
        line = chosen.get_option_at_index(0).prompt
        assert isinstance(line, Content)
        dim = stand.app.screen.get_visual_style("model-picker--dim")
        assert any(span.style == dim and span.start < line.plain.index("llama") + 5 < span.end for span in line.spans)

        await stand.press("enter")

        assert answers == ["llama3.1:70b"]


async def test_the_gauge_calls_unified_memory_by_what_limits_it() -> None:
    async def unified() -> MemoryState:
        return MemoryState("unified", 25 * 2**30, 19 * 2**30, "Metal's own limit", Placement.UNIFIED)

    async with models_mode(memory=unified) as stand:
        assert "GPU ▓▓░░░░░░ 6.0/25.0 GiB" in drawn(stand.app).splitlines()[0]


async def test_on_a_processor_the_gauge_is_the_share_that_models_can_have() -> None:
    installed = 32 * 2**30

    async def own() -> MemoryState:
        return MemoryState("RAM", planned_bytes(installed), 12 * 2**30, "the system's memory")

    async with models_mode(memory=own) as stand:
        assert "RAM ▓▓▓▓▓░░░ 16.8/28.8 GiB" in drawn(stand.app).splitlines()[0]


# -- details --------------------------------------------------------------------------------------


async def test_details_that_cannot_be_had_say_why_and_can_be_asked_for_again() -> None:
    async with models_mode() as stand:
        stand.host.failures["details"] = failure(
            FailureKind.REFUSED, happened="The file is broken", subject="qwen3:32b"
        )
        await stand.press("i")
        await shows(stand.pilot, "The file is broken")
        del stand.host.failures["details"]

        stand.app.screen.query_one(ErrorStrip).focus()
        await stand.press("enter", "enter")
        details = stand.app.screen
        assert isinstance(details, DetailsScreen)

        await stand.until(lambda: "architecture" in details.text)


async def test_details_are_copied_and_a_monstrous_licence_is_cut() -> None:
    async with models_mode() as stand:
        stand.host.shown["qwen3:32b"] = ModelDetails("qwen3:32b", license="x" * 100_000, template="[/b]\x1b[31m{{ x }}")
        await stand.press("i")
        await stand.until(lambda: "[/b]{{ x }}" in getattr(stand.app.screen, "text", ""))
        await stand.press("y")

        assert len(stand.app.copied[0]) < 25_000
        assert "80,000 characters more" in stand.app.copied[0]
        await stand.press("pagedown", "down", "up", "pageup", "escape")
        await stand.until(lambda: isinstance(stand.app.screen, ModelsScreen))


# -- key line -------------------------------------------------------------------------------------


async def test_while_a_name_is_typed_only_its_own_keys_are_offered() -> None:
    async with models_mode() as stand:
        await stand.press("p")
        assert " ".join(drawn(stand.app).splitlines()[-1].split()) == "→ complete enter pull it esc leave it F1 help"
        await stand.press("escape", "slash")

        assert " ".join(drawn(stand.app).splitlines()[-1].split()) == "enter keep it esc show all F1 help"


async def test_a_remapped_key_is_shown_and_works() -> None:
    async with models_mode(size=(120, 40)) as stand:
        stand.app.set_keymap({"models.sort": "z"})
        await stand.pilot.pause()
        assert "z sort" in drawn(stand.app)

        await stand.press("z")

        assert "by name" in drawn(stand.app)


async def test_the_name_that_is_typed_can_be_read() -> None:
    async with models_mode() as stand:
        for key, widget in (("p", "#pull-name"), ("slash", "#filter")):
            await stand.press(key)
            stand.screen.query_one(widget, Input).cursor_blink = False
            await stand.type("qwen3")
            assert any(line.strip().startswith("qwen3") for line in drawn(stand.app).splitlines()), key
            await stand.press("escape")
