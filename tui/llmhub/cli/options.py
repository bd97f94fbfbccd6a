"""Options that every command takes, before its name or after it."""

from __future__ import annotations

import re
from typing import Any

import click

from llmhub.cli.session import Session
from llmhub.core.config import parse_memory

_SHORT_UNIT = re.compile(r"[\d.]+\s*[kmgt]", re.IGNORECASE | re.ASCII)
_SMALLEST_MEMORY = 2**20


def _json(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        session(context).console.json = True


def _offline(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        session(context).offline = True


def _no_color(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        session(context).console.colour = False


def session(context: click.Context) -> Session:
    """What this call of the command has."""
    found = context.find_object(Session)
    if found is None:
        raise RuntimeError("a command was called without its session")
    return found


def common() -> list[click.Option]:
    """The options, made anew: click keeps state of a command's own in them."""
    return [
        click.Option(["--json"], is_flag=True, expose_value=False, callback=_json, help="Answer in JSON."),
        click.Option(
            ["--offline"], is_flag=True, expose_value=False, callback=_offline, help="Nothing leaves this machine."
        ),
        click.Option(
            ["--no-color"],
            is_flag=True,
            expose_value=False,
            callback=_no_color,
            help="No colours; NO_COLOR does the same.",
        ),
    ]


def memory_size(text: str) -> int:
    """An amount of memory in bytes: `16GiB`, `16G` for the same, `16GB` for 16 billion bytes.

    Raises:
        click.BadParameter: it is none, or lacks its unit.
    """
    told = text.strip()
    shown = repr(told[:40])
    try:
        amount = parse_memory(f"{told}iB" if _SHORT_UNIT.fullmatch(told) else told)
    except ValueError:
        raise click.BadParameter(
            f"{shown} is no amount of memory; write it as 16GiB, or 16GB for 16 billion bytes"
        ) from None
    if amount < _SMALLEST_MEMORY:
        raise click.BadParameter(f"{shown} is too little to be meant; write the unit too, as in 16GiB")
    return amount


class Command(click.Command):
    """A command with the common options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += common()


class Group(click.Group):
    """Commands that all have the common options, as has the group itself."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += common()


Group.group_class = Group
