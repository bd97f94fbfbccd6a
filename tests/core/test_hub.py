"""The hub tells everybody, whoever of them fails."""

from __future__ import annotations

import logging

import pytest

from llmhub.core.hub import Hub
from support.fake_host import FakeHost, installed_model
from support.hubs import hub_of


def listened(hub: Hub) -> list[str]:
    heard: list[str] = []

    def fails() -> None:
        raise LookupError("what it draws on is gone")

    hub.listen(lambda: heard.append("before"))
    hub.listen(fails)
    hub.listen(lambda: heard.append("after"))
    return heard


def test_a_listener_that_fails_costs_the_others_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    hub = hub_of(FakeHost())
    heard = listened(hub)

    with caplog.at_level(logging.ERROR):
        hub.changed()

    assert heard == ["before", "after"]
    assert "what it draws on is gone" in caplog.text


async def test_a_listener_that_fails_does_not_end_the_watching() -> None:
    host = FakeHost(installed_model("qwen3:8b"))
    hub = hub_of(host)
    heard = listened(hub)

    await hub.watch.look()
    host.down = True
    await hub.watch.look()
    await hub.stop()

    assert not hub.state.alive
    assert heard.count("after") >= 2
