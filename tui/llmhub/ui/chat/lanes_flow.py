"""Lanes: which model Chat opens on, adding and changing lanes, their parameters."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmhub import formats
from llmhub.core.conversations import MAX_LANES, LaneSetup
from llmhub.core.hub import Hub
from llmhub.core.model_address import ModelAddress
from llmhub.ui.chat.cloud_flow import ensure_key
from llmhub.ui.screens.forms import Field, FormScreen, MenuScreen, Row
from llmhub.ui.widgets.model_picker import ModelPicker

if TYPE_CHECKING:
    from llmhub.ui.screens.chat import ChatScreen

Flow = Callable[["ChatScreen"], Coroutine[Any, Any, None]]


def first_model(hub: Hub) -> str | None:
    """The model Chat opens on: loaded, else used last, else the first that can chat and runs here."""
    state = hub.state
    able = [
        model
        for model in state.installed
        if model.capabilities is None or "completion" in model.capabilities or not model.capabilities
    ]
    names = {model.name for model in able}
    for loaded in state.loaded:
        if loaded.name in names:
            return loaded.name
    last = hub.services.app_memory.get("model")
    if isinstance(last, str) and last in names:
        return last
    local = [model for model in able if model.place.is_local]
    return next((model.name for model in local or able), None)


async def lanes(screen: ChatScreen) -> None:
    """Add a lane, change a lane's model or parameters, take one away."""
    session = screen.session
    if session is None:
        return
    rows: list[Row] = []
    if len(session.chat.lanes) < MAX_LANES:
        rows.append(Row("add", "Add a lane", "the same prompt goes to it from now on"))
    for number, (lane, setup) in enumerate(session.chat.lanes.items(), 1):
        rows.append(Row(f"model {lane}", f"Lane {number}: another model", setup.model))
        rows.append(Row(f"params {lane}", f"Lane {number}: parameters", _params_words(setup)))
        if len(session.chat.lanes) > 1:
            rows.append(Row(f"drop {lane}", f"Lane {number}: take it away", "its messages stay in the chat"))
    answer = await screen.app.push_screen_wait(MenuScreen("Lanes", rows))
    if answer is None:
        return
    act, _, number_text = answer.partition(" ")
    if act == "add":
        if (picked := await pick(screen)) is not None and len(session.chat.lanes) < MAX_LANES:
            session.add_lane(LaneSetup(picked.backend, picked.model))
    elif act == "model":
        if (picked := await pick(screen)) is not None:
            setup = session.chat.lanes[int(number_text)]
            session.set_lane(int(number_text), LaneSetup(picked.backend, picked.model, max_tokens=setup.max_tokens))
            screen._remember_lanes()
    elif act == "params":
        await _parameters(screen, int(number_text))
    elif act == "drop":
        session.drop_lane(int(number_text))


async def pick(screen: ChatScreen) -> ModelAddress | None:
    """Which model; for the first one in the cloud the key is asked for as well."""
    hub = screen.hub
    answer = await screen.app.push_screen_wait(ModelPicker(hub)) if hub is not None else None
    if hub is None or answer is None:
        return None
    cloud = hub.services.cloud
    if cloud is not None and answer.startswith(f"{cloud.name}:"):
        picked = ModelAddress(cloud.name, answer.removeprefix(f"{cloud.name}:"))
        if not await ensure_key(screen):
            return None
        hub.services.app_memory.set("cloud_lane_opened", True)
        return picked
    return ModelAddress(hub.services.host.name, answer)


def _params_words(setup: LaneSetup) -> str:
    words = [
        f"context {formats.count(setup.num_ctx)}" if setup.num_ctx else "",
        f"at most {formats.count(setup.max_tokens)} tokens" if setup.max_tokens else "",
        f"temperature {setup.temperature}" if setup.temperature is not None else "",
        f"think {setup.think}" if setup.think is not None else "",
    ]
    return ", ".join(word for word in words if word) or "the model's own"


def _whole(least: int, most: int) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        if not text:
            return None
        if not text.isdigit() or not least <= int(text) <= most:
            return f"a whole number from {least:,} to {most:,}, or nothing for the model's own"
        return None

    return check


def _temperature(text: str) -> str | None:
    try:
        fine = not text or 0 <= float(text) <= 2
    except ValueError:
        fine = False
    return None if fine else "a number from 0 to 2, or nothing for the model's own"


def _think(text: str) -> str | None:
    fine = text in {"", "yes", "no", "low", "medium", "high", "max"}
    return None if fine else "yes, no, low, medium, high, max or nothing"


async def _parameters(screen: ChatScreen, lane: int) -> None:
    session = screen.session
    if session is None:
        return
    setup = session.chat.lanes[lane]
    think = {True: "yes", False: "no", None: ""}[setup.think] if not isinstance(setup.think, str) else setup.think
    context, most = str(setup.num_ctx or ""), str(setup.max_tokens or "")
    temperature = "" if setup.temperature is None else str(setup.temperature)
    fields = (
        Field("num_ctx", "context, tokens", context, "a change loads the model again", _whole(256, 16_777_216)),
        Field("max_tokens", "most tokens of a reply", most, "", _whole(1, 1_048_576)),
        Field("temperature", "temperature", temperature, "0 to 2", _temperature),
        Field("think", "think", think, "yes, no, low, medium, high, max", _think),
    )
    form = FormScreen(f"Parameters of {setup.model}", fields, "Empty fields leave it to the model.")
    answer = await screen.app.push_screen_wait(form)
    if answer is None:
        return
    thinks: dict[str, bool | str | None] = {"yes": True, "no": False, "": None}
    session.set_lane(
        lane,
        replace(
            setup,
            num_ctx=int(answer["num_ctx"]) if answer["num_ctx"] else None,
            max_tokens=int(answer["max_tokens"]) if answer["max_tokens"] else None,
            temperature=float(answer["temperature"]) if answer["temperature"] else None,
            think=thinks.get(answer["think"], answer["think"]),
        ),
    )
