"""The real parts, joined: what the app gets, what is kept, and what a demo must never see."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from llmhub.bootstrap import NO_TERMINAL, World, run_app
from llmhub.bootstrap.demo import demo_world
from llmhub.core.chat import ChatRequest, Message
from llmhub.core.errors import ConfigError
from llmhub.core.places import THIS_MACHINE
from llmhub.core.run import run_turn
from llmhub.core.turns import TurnContext, TurnStatus
from llmhub.settings.config import read_settings
from llmhub.settings.places import Places
from llmhub.simulators.script import OllamaScript
from support.commands import SimWorld


def a_world(home: Path, text: str = "", environ: dict[str, str] | None = None) -> SimWorld:
    places = Places.below(home)
    places.config.mkdir(parents=True, exist_ok=True)
    if text:
        places.config_file.write_text(text)
    world = SimWorld(read_settings(places.config_file, environ or {}), places, environ or {})
    world.script = SimWorld.script
    return world


async def asked(world: World, machine_id: str | None) -> TurnStatus:
    context = TurnContext(None, 0, "g", 1, "ollama", THIS_MACHINE, machine_id=machine_id)
    request = ChatRequest("qwen3:8b", (Message.of("user", "hi"),))
    turn = await run_turn(world.host, request, await world.ledger(), lambda _: None, context=context)
    return turn.status


async def test_the_app_gets_everything_joined_and_what_it_did_is_there_the_next_time(own_home: Path) -> None:
    first = a_world(own_home, "[chat]\ncontext = 4096\n[profile]\nbusy_w = 58\n")
    services = await first.connect()
    status = await asked(first, services.machine_id)
    services.app_memory.set("last_model", "qwen3:8b")
    left = await first.close()
    assert first.daemon is not None
    await first.daemon.stop()

    second = a_world(own_home)
    again = await second.connect()
    totals, remembered = again.ledger.totals, again.app_memory.get("last_model")
    await second.close()
    assert second.daemon is not None
    await second.daemon.stop()

    assert (status, left, services.default_context) == (TurnStatus.COMPLETE, (), 4096)
    assert services.profiles.newest.busy_w == Decimal(58)
    assert (sum(sums.turns for _, sums in totals.buckets), remembered) == (1, "qwen3:8b")
    assert again.machine_id == services.machine_id is not None
    assert again.problems == ()


async def test_a_declared_key_goes_into_the_persons_file_and_their_comments_stay(own_home: Path) -> None:
    async with a_world(own_home, "# mine\n[profile]\nprice_usd = 1999 # the Mac\n") as world:
        await world.ledger()
        before = world.profile

        after = await world.save_profile({"busy_w": "58", "usd_per_kwh": "0.34"})
        text = world.places.config_file.read_text()

        with pytest.raises(ConfigError):
            await world.save_profile({"busy_w": "a lot"})
        assert world.places.config_file.read_text() == text

    assert text == "# mine\n[profile]\nprice_usd = 1999 # the Mac\nbusy_w = 58\nusd_per_kwh = 0.34\n"
    assert (after.busy_w, after.usd_per_kwh, after.price_usd) == (Decimal(58), Decimal("0.34"), Decimal(1999))
    assert after.profile_id != before.profile_id
    assert read_settings(world.places.config_file, {}).problems == ()


async def test_a_key_that_is_taken_back_leaves_the_file(own_home: Path) -> None:
    async with a_world(own_home, "[profile]\nbusy_w = 58\n") as world:
        await world.ledger()

        profile = await world.save_profile({"busy_w": ""})

    assert profile.busy_w is None
    assert "busy_w" not in world.places.config_file.read_text()


async def test_the_same_profile_is_the_same_version_after_a_restart(own_home: Path) -> None:
    versions = []
    for _ in range(2):
        async with a_world(own_home, "[profile]\nbusy_w = 58\n") as world:
            await world.ledger()
            versions.append((world.profile.profile_id, len(world.profiles.versions)))

    assert versions[0] == versions[1]


async def test_a_wrong_profile_is_told_and_the_rest_of_it_holds(own_home: Path) -> None:
    async with a_world(own_home, "[profile]\nbusy_w = 58\nusd_per_kwh = 'cheap'\n") as world:
        await world.ledger()

        assert world.profile.busy_w == Decimal(58)
        assert ["usd_per_kwh" in problem.subject for problem in world.problems] == [True]


async def test_a_data_folder_that_cannot_be_written_lets_the_app_go_on_and_names_the_loss(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "data").write_text("in the way")
    world = a_world(own_home)
    services = await world.connect()

    status = await asked(world, None)
    unsaved = services.ledger.totals.unsaved_turns
    left = await world.close()
    assert world.daemon is not None
    await world.daemon.stop()

    assert status is TurnStatus.COMPLETE
    assert unsaved == 1
    assert any("The data folder cannot be used" in problem.happened for problem in services.problems)
    assert len(left) == 1
    assert left[0].startswith("1 turn could not be saved")


async def test_memory_of_another_machine_is_not_measured_here(own_home: Path) -> None:
    async with a_world(own_home) as here:
        seen = await here.memory()
    places = Places.below(own_home)
    there = World(read_settings(places.config_file, {"OLLAMA_HOST": "studio.lan"}), places, {})

    assert seen is not None
    assert await there.memory() is None
    assert (await there.start_advice()).command is None
    await there.close()


async def test_memory_that_the_person_set_is_what_there_is(own_home: Path) -> None:
    async with a_world(own_home, "[machine]\nmemory = '8 GiB'\n") as world:
        memory = await world.memory()

    assert memory is not None
    assert memory.capacity_bytes == 8 * 2**30


# -- the demo -----------------------------------------------------------------------------------

HOSTILE = {
    "OLLAMA_HOST": "http://real.example:1",
    "OPENROUTER_API_KEY": "sk-or-real",
    "LLMHUB_HOME": "/nowhere",
    "LLMHUB_OLLAMA_URL": "http://real.example:2",
    "HTTPS_PROXY": "http://proxy.example:3128",
    "TERM": "xterm-256color",
}


async def test_the_demo_sees_no_key_no_proxy_and_no_daemon_of_the_persons() -> None:
    with demo_world({}, HOSTILE) as world:
        services = await world.connect()
        home, models = world.places.config.parent, await services.host.installed()
        memory = await services.memory()
        url = services.host.url
        manifest = await services.registry.manifest("llama3.2:1b")
        cloud = services.cloud
        assert cloud is not None
        listing, info = await cloud.models(), await cloud.key_info()
        simulated = world._simulated
        assert simulated is not None
        credentials, told = simulated.openrouter.credentials, simulated.openrouter.mentions("sk-or-real")
        assert services.save_key is not None
        with pytest.raises(ConfigError):
            await services.save_key("sk-or-v1-0123456789")
        left = await world.close()

    assert set(world.environ) == {"TERM"}
    assert (services.demo, left, home.exists()) == (True, (), False)
    assert cloud.url.startswith("http://127.0.0.1:")
    assert (credentials, told) == ({"Bearer sk-or-v1-simulated"}, [])
    assert len(listing.models) > 300
    assert info.limit_usd is not None
    assert url.startswith("http://127.0.0.1:")
    assert len(models) >= 8
    assert manifest is not None
    assert manifest.size_bytes > 800_000_000
    assert memory is not None
    assert memory.source == "the Metal limit of the demo's 32 GB Mac"
    assert services.profiles.newest.busy_w == Decimal(58)


async def test_a_demo_books_into_its_own_home(own_home: Path) -> None:
    with demo_world({}, {}) as world:
        world.script = OllamaScript().at_once()
        services = await world.connect()
        status = await asked(world, services.machine_id)
        turns = sum(sums.turns for _, sums in services.ledger.totals.buckets)
        await world.close()

    assert (status, turns) == (TurnStatus.COMPLETE, 1)
    assert not own_home.exists()


def test_the_app_without_a_terminal_says_what_to_do_instead(capsys: pytest.CaptureFixture[str]) -> None:
    code = run_app({})

    assert code == 1
    assert capsys.readouterr().err == f"{NO_TERMINAL}\n"


async def test_closing_twice_is_closing_once(own_home: Path) -> None:
    async with a_world(own_home) as world:
        await world.ledger()
        await world.close()
        await asyncio.sleep(0)

    assert world.farewell == ()
    assert own_home.is_dir()
