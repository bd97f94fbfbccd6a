"""A crash of llmhub's own tells where it happened, and no value of any variable."""

from __future__ import annotations

import pytest

from llmhub.ui.app import LLMHubApp
from llmhub.ui.theming import variable_defaults
from support.fake_host import FakeHost
from support.hubs import services
from support.screens import until

KEY = "sk-or-v1-5f4dcc3b5aa765d61d8327deb882cf99"


class Slip(Exception):  # noqa: N818 - a mistake of ours
    """A mistake of ours."""


async def test_a_crash_prints_no_key_that_a_variable_held(capsys: pytest.CaptureFixture[str]) -> None:
    async def connect() -> object:
        return services(FakeHost())

    app = LLMHubApp(connect, variable_defaults=variable_defaults)  # type: ignore[arg-type]

    async def slip() -> None:
        answer = {"key": KEY}
        raise Slip(f"{len(answer)} answers")

    async def run() -> None:
        async with app.run_test() as pilot:
            await until(pilot, lambda: app.hub is not None, "the hub")
            app.call_later(slip)
            await pilot.pause()

    with pytest.raises(Slip):
        await run()

    told = capsys.readouterr()
    printed = told.out + told.err
    assert "Slip: 1 answers" in printed
    assert "in slip" in printed
    assert KEY not in printed
