"""Who may use a daemon when."""

from __future__ import annotations

import asyncio

from llmhub.core.lanes import LaneGate


class Gatekeeper:
    """Lets named turns try to enter, and tells who is in."""

    def __init__(self, *loaded: str) -> None:
        self.gate = LaneGate()
        self.loaded = frozenset(loaded)
        self.inside: list[str] = []
        self.leave: dict[str, asyncio.Event] = {}

    async def residents(self) -> frozenset[str]:
        return self.loaded

    def enter(self, name: str, model: str, daemon: str = "d") -> asyncio.Task[None]:
        self.leave[name] = asyncio.Event()

        async def turn() -> None:
            async with self.gate.turn(daemon, model, self.residents):
                self.inside.append(name)
                try:
                    await self.leave[name].wait()
                finally:
                    self.inside.remove(name)

        return asyncio.create_task(turn())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_two_models_that_are_not_both_loaded_run_one_after_the_other() -> None:
    keeper = Gatekeeper("a")

    keeper.enter("first", "a")
    second = keeper.enter("second", "b")
    await settle()
    assert keeper.inside == ["first"]
    assert keeper.gate.busy_with("d", "b") == "a"

    keeper.leave["first"].set()
    await settle()
    assert keeper.inside == ["second"]
    keeper.leave["second"].set()
    await second


async def test_two_models_that_are_both_loaded_run_together() -> None:
    keeper = Gatekeeper("a", "b")

    tasks = [keeper.enter("first", "a"), keeper.enter("second", "b")]
    await settle()

    assert keeper.inside == ["first", "second"]
    for name in ("first", "second"):
        keeper.leave[name].set()
    await asyncio.gather(*tasks)


async def test_the_same_model_may_always_run_beside_itself() -> None:
    keeper = Gatekeeper()

    tasks = [keeper.enter("first", "a"), keeper.enter("second", "a")]
    await settle()

    assert keeper.inside == ["first", "second"]
    for name in ("first", "second"):
        keeper.leave[name].set()
    await asyncio.gather(*tasks)


async def test_two_daemons_do_not_wait_for_each_other() -> None:
    keeper = Gatekeeper()

    tasks = [keeper.enter("here", "a"), keeper.enter("there", "b", daemon="other")]
    await settle()

    assert keeper.inside == ["here", "there"]
    for name in ("here", "there"):
        keeper.leave[name].set()
    await asyncio.gather(*tasks)


async def test_a_turn_that_is_stopped_while_it_waits_lets_the_next_one_through() -> None:
    keeper = Gatekeeper()

    first = keeper.enter("first", "a")
    second = keeper.enter("second", "b")
    third = keeper.enter("third", "c")
    await settle()
    second.cancel()
    keeper.leave["first"].set()
    await settle()

    assert keeper.inside == ["third"]
    keeper.leave["third"].set()
    await asyncio.gather(first, third)


async def test_a_turn_that_is_stopped_while_it_runs_lets_the_next_one_through() -> None:
    keeper = Gatekeeper()

    first = keeper.enter("first", "a")
    second = keeper.enter("second", "b")
    await settle()
    first.cancel()
    await settle()

    assert keeper.inside == ["second"]
    keeper.leave["second"].set()
    await second
