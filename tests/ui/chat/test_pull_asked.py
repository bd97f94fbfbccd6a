"""A pull of the first five minutes that does not fit: told above the prompt, and begun only after a second key."""

from __future__ import annotations

from support.chat_mode import chat_app
from support.fake_catalog import FakeCatalog
from support.fake_host import GIB, FakeHost
from support.screens import drawn, shows, until


async def test_a_pick_that_does_not_fit_is_told_and_its_key_again_pulls_it() -> None:
    catalog, host = FakeCatalog(), FakeHost()
    catalog.know("llama3.2:3b", 60 * GIB)

    async with chat_app(host, wait=False, catalog=catalog) as stand:
        await shows(stand.pilot, "llama3.2:3b")
        await stand.pilot.press("1")
        await shows(stand.pilot, "It does not fit into the memory")
        assert "enter or 1 pulls it anyway" in drawn(stand.app)
        assert ("pull", "llama3.2:3b") not in host.calls
        stand.clock.now += 1
        await stand.pilot.press("1")
        await until(stand.pilot, lambda: stand.chat.session is not None, "a chat with the new model")

        assert ("pull", "llama3.2:3b") in host.calls


async def test_text_typed_at_a_refused_pick_goes_into_the_prompt_and_enter_there_comes_back() -> None:
    catalog, host = FakeCatalog(), FakeHost()
    catalog.know("llama3.2:3b", 60 * GIB)

    async with chat_app(host, (80, 24), wait=False, catalog=catalog) as stand:
        await shows(stand.pilot, "llama3.2:3b")
        await stand.pilot.press("1")
        await shows(stand.pilot, "enter or 1 pulls it anyway")
        await stand.pilot.press("s")
        await until(stand.pilot, lambda: stand.app.focused is stand.chat.prompt, "the prompt")
        assert stand.chat.prompt.text == "s"
        await shows(stand.pilot, "enter in the empty prompt comes here: ")
        await stand.pilot.press("backspace", "enter")
        await until(stand.pilot, lambda: stand.app.focused is stand.chat.pull_question, "the question")
        await stand.pilot.press("escape")
        await until(stand.pilot, lambda: not stand.chat.pull_question.display, "no question")

        assert stand.hub.pulls.pulls == ()


async def test_a_pick_whose_verdict_warns_says_so_while_it_is_pulled() -> None:
    catalog, host = FakeCatalog(), FakeHost()  # nothing is known of any name

    async with chat_app(host, wait=False, catalog=catalog) as stand:
        await shows(stand.pilot, "llama3.2:3b")
        await stand.pilot.press("1")
        await until(stand.pilot, lambda: stand.chat.session is not None, "a chat with the new model")

        (told,) = [notice.message for notice in stand.app._notifications]
        assert told.startswith("llama3.2:3b is being pulled: F3 shows how far it is. ? unknown: ")
