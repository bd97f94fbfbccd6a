"""The Models mode: every key, every state, driven by Pilot."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from textual.binding import Binding
from textual.widgets import Input

from llmhub.core.daemon_start import StartAdvice, StartKind
from llmhub.core.errors import FailureKind
from llmhub.core.host_jobs import JobKind
from llmhub.core.models import LoadedModel
from llmhub.ui.models.rows import Order
from llmhub.ui.screens.confirm import Confirm
from llmhub.ui.screens.details import DetailsScreen
from llmhub.ui.screens.models import ModelsScreen
from support.fake_host import FakeHost, cloud_model, failure, installed_model
from support.hubs import FakeAppMemory
from support.models_mode import NOW, models_mode, some_models
from support.screens import drawn, shows

BY_USE = [
    "qwen3:32b",
    "qwen3:8b",
    "gpt-oss:120b-cloud",
    "gpt-oss:20b",
    "llama3.1:70b",
    "nomic-embed-text:latest",
]


# -- states ---------------------------------------------------------------------------------------


async def test_before_the_services_are_there_it_says_that_it_is_looking() -> None:
    async with models_mode(connect=False) as stand:
        assert "Looking for Ollama" in drawn(stand.app)

        await stand.press("enter", "o", "d", "i", "s", "space", "x", "y", "escape")

        assert "Looking for Ollama" in drawn(stand.app)


async def test_without_a_daemon_it_says_what_to_do_and_goes_on_by_itself() -> None:
    host = FakeHost(installed_model("qwen3:8b"))
    host.down = True
    advice = StartAdvice(StartKind.START, "systemctl start ollama", "It was installed as a service.")
    async with models_mode(host, start_advice=advice) as stand:
        screen = drawn(stand.app)
        assert "Nothing answers: Ollama at http://127.0.0.1:11434." in screen
        assert "systemctl start ollama" in screen
        await stand.press("y")
        assert stand.app.copied == ["systemctl start ollama"]

        host.down = False
        await stand.look()

        assert stand.names == ["qwen3:8b"]
        assert stand.app.focused is stand.table


async def test_without_advice_the_error_itself_says_what_to_do() -> None:
    host = FakeHost()
    host.down = True
    async with models_mode(host) as stand:
        assert "start it: ollama serve" in drawn(stand.app)


async def test_without_a_model_it_names_the_key_that_fills_it() -> None:
    async with models_mode(FakeHost()) as stand:
        assert "p pulls a model by its name" in drawn(stand.app)

        await stand.press("p")

        assert stand.app.focused is stand.screen.query_one("#pull-name")


async def test_a_daemon_that_dies_keeps_the_list_and_is_told_in_the_strip_until_it_is_back() -> None:
    async with models_mode() as stand:
        stand.host.down = True
        await stand.look()

        assert stand.names != []
        assert stand.strip.error is stand.hub.state.error

        stand.host.down = False
        await stand.look()
        assert stand.strip.error is None


async def test_a_disk_total_counts_names_of_one_model_once_and_cloud_stubs_never() -> None:
    host = FakeHost(
        installed_model("a:1", 3 * 2**30, digest="1"),
        installed_model("twin:1", 3 * 2**30, digest="1"),
        cloud_model("big:cloud"),
    )
    async with models_mode(host) as stand:
        assert "3 models, 3.0 GiB on disk" in drawn(stand.app)


async def test_a_name_full_of_markup_and_escapes_is_only_text() -> None:
    host = FakeHost(installed_model("[red]evil[/]\x1b[31m:1", family="[bold]f", quantization="\x1b]0;x\x07Q4"))
    async with models_mode(host) as stand:
        screen = drawn(stand.app)

        assert "[red]evil[/]:1" in screen
        assert "[bold]f" in screen
        assert "\x1b" not in screen


# -- keys -----------------------------------------------------------------------------------------


async def test_enter_chats_with_the_selected_model() -> None:
    async with models_mode() as stand:
        await stand.press("down", "enter")

        assert stand.app.chats == ["qwen3:8b"]


async def test_a_model_that_cannot_chat_says_so_instead() -> None:
    async with models_mode() as stand:
        await stand.press("end", "enter")

        assert stand.app.chats == []
        assert "This model cannot chat · nomic-embed-text:latest" in drawn(stand.app)


async def test_o_loads_and_the_row_says_so_meanwhile() -> None:
    async with models_mode(FakeHost(installed_model("a:1"))) as stand:
        stand.host.gates["load"] = gate = asyncio.Event()

        await stand.press("o")
        await stand.until(lambda: stand.table.row and stand.table.row.job is JobKind.LOADING)
        assert "loading …" in drawn(stand.app)
        gate.set()
        await stand.until(lambda: stand.table.row and stand.table.row.loaded)

        assert "GPU" in drawn(stand.app)
        assert "loading" not in drawn(stand.app)


async def test_o_again_gives_a_load_up() -> None:
    async with models_mode(FakeHost(installed_model("a:1"))) as stand:
        stand.host.gates["load"] = asyncio.Event()
        await stand.press("o")
        await stand.until(lambda: stand.table.row and stand.table.row.job is JobKind.LOADING)

        await stand.press("o")
        await stand.until(lambda: stand.table.row and stand.table.row.job is None)

        assert stand.strip.error is None


async def test_o_unloads_a_loaded_model() -> None:
    async with models_mode() as stand:
        await stand.press("o")
        await stand.until(lambda: ("unload", "qwen3:32b") in stand.host.calls)
        await stand.until(lambda: not stand.hub.jobs.running)

        assert [entry.name for entry in stand.hub.state.loaded] == ["qwen3:8b"]


async def test_a_load_that_fails_is_told_and_enter_offers_to_try_again() -> None:
    async with models_mode(FakeHost(installed_model("a:1"))) as stand:
        stand.host.failures["load"] = failure(
            FailureKind.MEMORY,
            happened="It does not fit",
            subject="a:1",
            remedy="unload one",
            detail="needs 40 GiB",
        )
        await stand.press("o")
        await stand.until(lambda: stand.strip.error)
        assert "✗ It does not fit · a:1 · unload one · Enter: try again" in drawn(stand.app)
        del stand.host.failures["load"]

        stand.strip.focus()
        await stand.press("enter")
        assert "needs 40 GiB" in drawn(stand.app)
        await stand.press("enter")
        await stand.until(lambda: stand.table.row and stand.table.row.loaded)

        assert stand.strip.error is None


async def test_a_cloud_model_cannot_be_loaded() -> None:
    async with models_mode(FakeHost(cloud_model("big:cloud"))) as stand:
        await stand.press("o")

        assert "There is nothing to load · big:cloud, Ollama cloud" in drawn(stand.app)
        assert ("load", "big:cloud") not in stand.host.calls


async def test_d_asks_says_what_comes_free_and_deletes_on_yes() -> None:
    async with models_mode() as stand:
        await stand.press("down", "d")
        await shows(stand.pilot, "Delete qwen3:8b?")
        screen = drawn(stand.app)
        assert "4.9 GiB come free" in screen
        assert "5,225,388,164" in screen
        assert "It is loaded, and is unloaded first." in " ".join(screen.split())

        await stand.press("y")
        await stand.until(lambda: "qwen3:8b" not in stand.names)

        changes = [call for call in stand.host.calls if call[1] == "qwen3:8b" and call[0] != "details"]
        assert changes == [("unload", "qwen3:8b"), ("delete", "qwen3:8b")]


async def test_everything_but_a_clear_yes_deletes_nothing() -> None:
    async with models_mode() as stand:
        for key in ("n", "escape", "enter"):
            await stand.press("d")
            await stand.until(lambda: isinstance(stand.app.screen, Confirm))

            await stand.press(key)
            await stand.until(lambda: isinstance(stand.app.screen, ModelsScreen))

        assert [c for c in stand.host.calls if c[0] == "delete"] == []


async def test_deleting_one_of_two_names_says_that_nothing_comes_free() -> None:
    host = FakeHost(installed_model("a:1", digest="1"), installed_model("mine:latest", digest="1"))
    async with models_mode(host) as stand:
        await stand.press("d")
        await shows(stand.pilot, "Nothing comes free: mine:latest is the same model.")


async def test_a_deletion_that_fails_is_told_and_the_model_stays() -> None:
    async with models_mode(FakeHost(installed_model("a:1"))) as stand:
        stand.host.failures["delete"] = failure(happened="The disk is read-only", subject="a:1", remedy="see the log")
        await stand.press("d")
        await stand.until(lambda: isinstance(stand.app.screen, Confirm))
        await stand.press("y")
        await stand.until(lambda: stand.strip.error)

        assert stand.names == ["a:1"]


async def test_i_shows_the_details_and_escape_leads_back() -> None:
    async with models_mode() as stand:
        await stand.press("i")
        await stand.until(lambda: isinstance(stand.app.screen, DetailsScreen))
        details = stand.app.screen
        assert isinstance(details, DetailsScreen)
        await stand.until(lambda: "as the daemon tells it" in details.text)
        assert "architecture" in details.text

        await stand.press("escape")
        await stand.until(lambda: isinstance(stand.app.screen, ModelsScreen))


async def test_s_sorts_by_the_next_order_and_remembers_it() -> None:
    memory = FakeAppMemory()
    async with models_mode(app_memory=memory) as stand:
        assert stand.names == BY_USE

        await stand.press("s")
        assert stand.names == sorted(BY_USE)
        assert "by name" in drawn(stand.app)
        await stand.press("s")
        assert stand.names[:2] == ["llama3.1:70b", "qwen3:32b"]
        assert stand.names[-1] == "gpt-oss:120b-cloud"

    async with models_mode(app_memory=memory) as again:
        assert again.table.order is Order.SIZE


async def test_the_filter_takes_letters_that_are_keys_elsewhere_and_shows_what_fits() -> None:
    async with models_mode() as stand:
        await stand.press("slash")
        await stand.press("o", "s", "s")

        assert stand.names == ["gpt-oss:20b", "gpt-oss:120b-cloud"]
        assert stand.app.chats == []
        await stand.press("enter", "enter")
        assert stand.app.chats == ["gpt-oss:20b"]
        await stand.press("escape")
        assert stand.names == BY_USE


async def test_a_filter_that_fits_nothing_says_so_and_escape_shows_all() -> None:
    async with models_mode() as stand:
        await stand.press("slash")
        await stand.type("zzz")
        assert "No name here has the letters of “zzz”" in drawn(stand.app)

        await stand.press("escape")

        assert stand.names == BY_USE
        assert stand.app.focused is stand.table


async def test_down_leads_from_the_filter_into_the_table() -> None:
    async with models_mode() as stand:
        await stand.press("slash")
        await stand.type("qwen")
        await stand.press("down")

        assert stand.app.focused is stand.table


async def test_p_pulls_by_name_completes_known_names_and_asks_a_loopback_registry_over_http() -> None:
    async with models_mode() as stand:
        await stand.press("p")
        await stand.type("127.0.0.1:5000/library/tiny")
        await stand.press("enter")
        await stand.until(lambda: "127.0.0.1:5000/library/tiny:latest" in stand.names)

        assert stand.host.insecure_pulls == ["127.0.0.1:5000/library/tiny"]
        assert stand.app.focused is stand.table


async def test_a_name_is_completed_with_the_right_arrow() -> None:
    async with models_mode() as stand:
        await stand.press("p")
        await stand.type("GPT-oss:2")
        name = stand.screen.query_one("#pull-name", Input)
        await stand.until(lambda: name._suggestion)

        await stand.press("right")

        assert name.value == "GPT-oss:20b"


async def test_what_is_no_name_is_told_and_can_be_mended() -> None:
    async with models_mode() as stand:
        await stand.press("p")
        await stand.type("a/b/c/d/e f")
        await stand.press("enter")

        assert "That is no model's name" in drawn(stand.app)
        assert stand.screen.query_one("#pull-name", Input).value == "a/b/c/d/e f"
        assert stand.hub.pulls.pulls == ()


async def test_escape_leaves_the_name_alone() -> None:
    async with models_mode() as stand:
        await stand.press("p")
        await stand.type("abc")
        await stand.press("escape")

        assert not stand.screen.query_one("#pull-name").display
        assert stand.app.focused is stand.table


async def test_y_copies_the_name() -> None:
    async with models_mode() as stand:
        await stand.press("y")

        assert stand.app.copied == ["qwen3:32b"]


async def test_every_key_has_a_name_to_remap_it_by_an_explanation_and_a_place_in_the_palette() -> None:
    async with models_mode() as stand:
        for binding in ModelsScreen.BINDINGS:
            assert isinstance(binding, Binding)
            assert binding.id
            assert binding.tooltip

        await stand.press("ctrl+p")
        await stand.type("unload")
        await shows(stand.pilot, "Load the selected model, or unload it (o)")
        await stand.press("enter")
        await stand.until(lambda: ("unload", "qwen3:32b") in stand.host.calls)


# -- mouse ----------------------------------------------------------------------------------------


async def test_a_click_selects_and_a_double_click_chats() -> None:
    async with models_mode() as stand:
        await stand.pilot.click("#table", offset=(5, 3))
        assert stand.table.cursor == "gpt-oss:120b-cloud"

        await stand.pilot.click("#table", offset=(5, 2), times=2)
        await stand.pilot.pause()

        assert stand.app.chats == ["qwen3:8b"]


async def test_a_click_on_the_head_of_a_column_sorts_by_it() -> None:
    async with models_mode() as stand:
        await stand.pilot.click("#table", offset=(30, 0))
        await stand.pilot.pause()

        assert stand.table.order is Order.SIZE


async def test_a_click_on_a_key_presses_it() -> None:
    async with models_mode(size=(120, 40)) as stand:
        at = drawn(stand.app).splitlines()[-1].index("s sort")

        await stand.pilot.click("KeyLine", offset=(at, 0))
        await stand.pilot.pause()

        assert stand.table.order is Order.NAME


async def test_a_click_on_a_mode_goes_there_and_coming_back_shows_what_has_changed() -> None:
    async with models_mode() as stand:
        await stand.pilot.click("StatusBar", offset=(2, 0))
        await stand.pilot.pause()
        assert stand.app.current_mode == "chat"
        stand.host.models = [installed_model("new:1")]
        await stand.look()

        await stand.press("f3")

        assert stand.names == ["new:1"]


# -- updates --------------------------------------------------------------------------------------


async def test_cursor_and_scroll_stay_where_they_are_when_the_list_changes() -> None:
    host = FakeHost(*(installed_model(f"model-{n:03}:1b") for n in range(400)))
    async with models_mode(host) as stand:
        await stand.press("s", "end")
        for _ in range(5):
            await stand.press("up")
        before = (stand.table.cursor, stand.table.scroll_offset.y)

        host.models.append(installed_model("zz-last:1b"))
        host.models.append(installed_model("model-0005:1b"))
        host.loaded_as("model-100:1b")
        await stand.look()
        stand.screen._draw()
        await stand.pilot.pause()

        assert stand.table.cursor == before[0] == "model-394:1b"
        assert stand.table.scroll_offset.y == before[1]
        assert len(stand.names) == 402


async def test_the_cursor_goes_to_the_same_line_when_its_model_is_gone() -> None:
    async with models_mode() as stand:
        await stand.press("down", "down")
        stand.host.models = [model for model in stand.host.models if model.name != "gpt-oss:120b-cloud"]

        await stand.look()

        assert stand.table.cursor == "gpt-oss:20b"


async def test_the_lines_about_the_selected_model_follow_the_cursor_and_the_daemon() -> None:
    async with models_mode() as stand:
        assert "16.5 GiB on the GPU, 5.5 GiB on the CPU · context 4,096 · stays" in drawn(stand.app)

        await stand.press("down")
        assert "6.2 GiB, all on the GPU · context 8,192 · leaves in 4 m unless used" in drawn(stand.app)
        stand.host.residents = [
            LoadedModel("qwen3:8b", 5, 5, expires_at=NOW - timedelta(seconds=1)),
            stand.host.residents[1],
        ]
        await stand.look()
        assert "is leaving now" in drawn(stand.app)
        await stand.press("down")
        assert "runs in Ollama cloud as gpt-oss:120b: what you send leaves this machine" in drawn(stand.app)


async def test_the_speed_and_the_day_come_from_the_ledger() -> None:
    from llmhub.core.places import PlaceKind
    from llmhub.core.totals import BucketKey, Sums, Totals

    day = NOW.astimezone().date().isoformat()
    key = BucketKey(day, PlaceKind.THIS_MACHINE, "", "ollama", "llama3.1:70b", None, "none")
    other = BucketKey("2026-11-01", PlaceKind.THIS_MACHINE, "", "openrouter", "qwen3:32b", None, "none")

    class Ledger:
        totals = Totals(((key, Sums(turns=2, eval_tokens=944, eval_ms=20_000)), (other, Sums(turns=9))))

    async with models_mode(ledger=Ledger(), size=(120, 40)) as stand:
        row = next(row for row in stand.table.rows if row.name == "llama3.1:70b")

        assert row.fit is not None
        assert row.fit.speed.per_s == 47.2
        assert stand.names[2] == "llama3.1:70b"
        line = next(line for line in drawn(stand.app).splitlines() if "llama3.1:70b" in line)
        assert line.split()[-3:] == ["47.2", "131,072", "today"]
        assert next(row for row in stand.table.rows if row.name == "qwen3:32b").last_used is None


async def test_nothing_is_drawn_while_another_mode_is_shown() -> None:
    async with models_mode() as stand:
        await stand.press("f2")
        before = stand.table.rows

        stand.host.models = some_models().models[:1]
        await stand.look()

        assert stand.table.rows is before
