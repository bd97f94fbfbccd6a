"""Keys of providers: put into the system's keyring, told of, taken out; never shown."""

from __future__ import annotations

import asyncio
import getpass
import sys
import warnings
from typing import TYPE_CHECKING

import click

from llmhub.cli.options import Group, session
from llmhub.cli.session import DONE, FAILED
from llmhub.core.config import KEY_VARIABLE
from llmhub.core.errors import ConfigError
from llmhub.core.model_address import OPENROUTER

if TYPE_CHECKING:
    from llmhub.bootstrap import World

_MOST_CHARACTERS = 4096
"""More on standard input is no key."""
_PROVIDER = click.Choice([OPENROUTER])


@click.group(cls=Group)
def keys() -> None:
    """Keep, find and remove the key for OpenRouter."""


@keys.command("set")
@click.argument("provider", type=_PROVIDER)
@click.argument("key", nargs=-1, metavar="")
@click.pass_context
def set_(context: click.Context, provider: str, key: tuple[str, ...]) -> None:
    """Ask for the key of PROVIDER, unseen, and put it into the system's keyring. A pipe may bring it too."""
    console = session(context).console
    if key:
        raise ConfigError(
            "A key does not belong on the command line: shells keep a history",
            "nothing was changed; if the key is real, make a new one",
            f"run llmhub keys set {provider} and paste it when asked",
        )
    text = _typed(provider)

    async def work(world: World) -> int:
        await world.save_key(text)
        _, which = await asyncio.to_thread(world.keyring)
        if console.json:
            found = world.keys.secret
            console.data({"provider": provider, "keyring": which, "in_force": found.source if found else None})
        else:
            console.note(f"✓ The key for OpenRouter is in the keyring ({which})")
            if world.keys.from_environment:
                console.note(
                    f"! {KEY_VARIABLE} is set and beats it: take the variable away to use the keyring's", "dim"
                )
        return DONE

    context.exit(session(context).run(work))


@keys.command()
@click.pass_context
def show(context: click.Context) -> None:
    """Say whether there is a key, and where it comes from; never the key. Exit code 1 when there is none."""
    console = session(context).console

    async def work(world: World) -> int:
        found = await world.keys.find()
        problem = world.keys.problem
        if console.json:
            told = {"provider": OPENROUTER, "there": found is not None, "source": found.source if found else None}
            console.data(told | {"problem": str(problem) if problem else None})
        elif found is not None:
            console.print(f"openrouter: a key from {found.source}")
        elif problem is not None:
            console.error(problem)
        else:
            console.print(f"openrouter: no key. Set one: llmhub keys set openrouter, or the variable {KEY_VARIABLE}")
        return DONE if found is not None else FAILED

    context.exit(session(context).run(work))


@keys.command()
@click.argument("provider", type=_PROVIDER)
@click.pass_context
def delete(context: click.Context, provider: str) -> None:
    """Take the key of PROVIDER out of the keyring."""
    console = session(context).console

    async def work(world: World) -> int:
        there = await world.keys.forget()
        if console.json:
            console.data({"provider": provider, "deleted": there, "in_environment": world.keys.from_environment})
        else:
            console.note("✓ The key is out of the keyring" if there else "There was no key in the keyring")
            if world.keys.from_environment:
                console.note(f"! {KEY_VARIABLE} still has one", "dim")
        return DONE

    context.exit(session(context).run(work))


def _typed(provider: str) -> str:
    """What the person types unseen, or the first line of a pipe."""
    if sys.stdin is None or not sys.stdin.isatty():
        return sys.stdin.readline(_MOST_CHARACTERS) if sys.stdin else ""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"Key for {provider} (it is not shown): ", stream=sys.stderr)
        except getpass.GetPassWarning:
            pass
        except EOFError:
            return ""
    raise ConfigError(
        "This terminal cannot hide what is typed",
        f"the key for {provider}",
        f"pipe it in (llmhub keys set {provider} < file), or set the variable {KEY_VARIABLE}",
    )
