"""What the daemon has: models installed, models loaded, loading and unloading."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from llmhub import formats
from llmhub.cli.checking import Looks
from llmhub.cli.cloud_models import list_cloud
from llmhub.cli.options import Command, session
from llmhub.cli.session import DONE
from llmhub.cli.table import table
from llmhub.core.fuzzy import fuzzy_rank
from llmhub.core.model_address import model_address
from llmhub.core.models import InstalledModel, LoadedModel, context_to_ask
from llmhub.core.names import name_key
from llmhub.core.places import Place, PlaceKind
from llmhub.core.sizing.reality import Expected
from llmhub.core.watch import learn

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console


@click.command(cls=Command)
@click.argument("search", required=False)
@click.option("--cloud", is_flag=True, help="Those of OpenRouter instead, with their prices.")
@click.option("--refresh", is_flag=True, help="With --cloud: fetch the list again, however new it is.")
@click.pass_context
def models(context: click.Context, search: str | None, cloud: bool, refresh: bool) -> None:
    """List the models that are installed, or with --cloud those of OpenRouter; SEARCH leaves those that fit."""
    console = session(context).console

    async def work(world: World) -> int:
        if cloud:
            return await list_cloud(world, console, search or "", refresh=refresh)
        fits = fuzzy_rank(search or "", await world.host.installed(), key=lambda model: model.name)
        listed = [model for model, _ in fits]
        installed = tuple(await asyncio.gather(*(learn(world.host, model) for model in listed)))
        loaded = {name_key(model.name): model for model in await world.host.loaded()}
        if console.json:
            console.data([installed_json(model, loaded.get(name_key(model.name))) for model in installed])
        elif not installed and search:
            console.note(f"No installed model fits {search}")
        elif not installed:
            console.note("No model is installed yet. Pull one: llmhub pull qwen3:4b")
        else:
            _print_models(console, installed, loaded)
        return DONE

    context.exit(session(context).run(work))


@click.command(cls=Command)
@click.pass_context
def ps(context: click.Context) -> None:
    """List the models that are loaded into memory."""
    console = session(context).console

    async def work(world: World) -> int:
        loaded = await world.host.loaded()
        looks = Looks(world)
        said = {model.name: await looks.expected(model) for model in loaded}
        if console.json:
            console.data([loaded_json(model, world.host.place, said[model.name]) for model in loaded])
        elif not loaded:
            console.note("No model is loaded. The first question loads one, and so does: llmhub load MODEL")
        else:
            rows = [
                (
                    f"{world.host.place.sign} {model.name}",
                    formats.size(model.size_bytes),
                    *_memory_words(model),
                    _until(model),
                )
                for model in loaded
            ]
            for at, line in enumerate(
                table(("  model", "memory", "where", "context", "until"), ("<", ">", "<", ">", "<"), rows)
            ):
                console.print(line, "dim" if at == 0 else None)
            for name, one in said.items():
                if one is not None and one.left_out_bytes:
                    left_out = formats.size(one.left_out_bytes)
                    console.note(f"{name} holds {left_out} more: the daemon leaves out one of its two caches", "dim")
        return DONE

    context.exit(session(context).run(work))


@click.command(cls=Command)
@click.argument("model")
@click.option("--ctx", type=click.IntRange(1), metavar="TOKENS", help="Context to load it with.")
@click.option("--keep-alive", metavar="TIME", help='How long it stays ("10m", "-1" for ever).')
@click.pass_context
def load(context: click.Context, model: str, ctx: int | None, keep_alive: str | None) -> None:
    """Load MODEL into memory, so that the first question finds it ready."""
    console = session(context).console

    async def work(world: World) -> int:
        name = model_address(model).model
        details = await world.host.details(name)
        asked = context_to_ask(
            wanted=ctx,
            preset=details.preset_context,
            resident=None,
            trained=details.context_trained,
            default=world.config.chat_context,
        )
        if console.redraws:
            console.progress(f"loading {name} with a context of {formats.count(asked)} …")
        await world.host.load(name, asked, _keep_alive(keep_alive))
        found = next((one for one in await world.host.loaded() if name_key(one.name) == name_key(name)), None)
        said = await Looks(world).settle(name) if found is not None else None
        if console.json:
            console.data(loaded_json(found, world.host.place, said) if found else {"model": name, "loaded": False})
        elif found is None:
            console.note(f"{name} was loaded and is gone again: another model needed its memory")
        else:
            where, tokens = _memory_words(found)
            console.note(
                f"✓ {found.name}: {formats.size(found.size_bytes)} on {where}, context {tokens}, {_until(found)}"
            )
        return DONE

    context.exit(session(context).run(work))


@click.command(cls=Command)
@click.argument("model")
@click.pass_context
def unload(context: click.Context, model: str) -> None:
    """Take MODEL out of memory."""
    console = session(context).console

    async def work(world: World) -> int:
        name = model_address(model).model
        before = next((one for one in await world.host.loaded() if name_key(one.name) == name_key(name)), None)
        if before is None:
            await world.host.details(name)  # an unknown name is told; a known one is simply not loaded
        else:
            await world.host.unload(before.name)
        freed = before.size_bytes if before else 0
        if console.json:
            console.data(
                {"model": before.name if before else name, "was_loaded": before is not None, "freed_bytes": freed}
            )
        else:
            console.note(f"✓ {before.name}: {formats.size(freed)} freed" if before else f"{name} was not loaded")
        return DONE

    context.exit(session(context).run(work))


def installed_json(model: InstalledModel, loaded: LoadedModel | None) -> dict[str, Any]:
    """One installed model, as `models --json` tells it; unknown is null."""
    return {
        "model": model.name,
        "place": place_json(model.place),
        "size_bytes": model.size_bytes,
        "quantization": model.quantization,
        "parameters": model.parameter_size,
        "family": model.family,
        "context_trained": model.context_trained,
        "capabilities": None if model.capabilities is None else sorted(model.capabilities),
        "digest": model.digest,
        "modified_at": model.modified_at,
        "remote_model": model.remote_model,
        "loaded": None if loaded is None else _loaded(loaded),
    }


def loaded_json(model: LoadedModel, place: Place, said: Expected | None = None) -> dict[str, Any]:
    """One loaded model, as `ps --json` tells it; `said` is what the daemon was expected to say."""
    return {
        "model": model.name,
        "place": place_json(place),
        "digest": model.digest,
        **_loaded(model),
        "predicted_bytes": None if said is None else said.bytes,
        "left_out_bytes": None if said is None else said.left_out_bytes,
    }


def place_json(place: Place) -> dict[str, str]:
    """Where a model runs, as a turn's record writes it."""
    return {"kind": str(place.kind), "name": place.name}


def _loaded(model: LoadedModel) -> dict[str, Any]:
    return {
        "memory_bytes": model.size_bytes,
        "vram_bytes": model.vram_bytes,
        "context": model.context_tokens,
        "expires_at": model.expires_at,
        "never_expires": model.never_expires,
    }


def _print_models(console: Console, installed: tuple[InstalledModel, ...], loaded: dict[str, LoadedModel]) -> None:
    rows = [_row(model, loaded.get(name_key(model.name))) for model in installed]
    heads = ("  model", "size", "quant", "context", "can", "loaded")
    for at, line in enumerate(table(heads, ("<", ">", "<", ">", "<", "<"), rows)):
        console.print(line, "dim" if at == 0 else None)
    # two names with one digest are one model on disk
    sizes = {model.digest or model.name: model.size_bytes or 0 for model in installed}
    many = "1 model" if len(installed) == 1 else f"{len(installed)} models"
    console.note(f"{many}, {formats.size(sum(sizes.values()))} on disk", "dim")


def _row(model: InstalledModel, loaded: LoadedModel | None) -> tuple[str, ...]:
    elsewhere = model.place.kind is PlaceKind.OLLAMA_CLOUD
    return (
        f"{model.place.sign} {model.name}",
        formats.size(None if elsewhere else model.size_bytes),
        model.quantization or formats.UNKNOWN,
        formats.count(model.context_trained),
        _abilities(model.capabilities),
        model.place.words if elsewhere else _loaded_words(loaded),
    )


def _abilities(capabilities: frozenset[str] | None) -> str:
    if capabilities is None:
        return formats.UNKNOWN
    return ", ".join(sorted(capabilities - {"completion", "insert"}))


def _loaded_words(loaded: LoadedModel | None) -> str:
    return "" if loaded is None else f"{_memory_words(loaded)[0]}, {_until(loaded)}"


def _memory_words(model: LoadedModel) -> tuple[str, str]:
    share = model.gpu_fraction
    if share is None:
        where = formats.UNKNOWN
    elif share in {0, 1}:
        where = "GPU" if share else "CPU"
    else:
        where = f"{formats.percent(share)} GPU"
    return where, formats.count(model.context_tokens)


def _until(model: LoadedModel) -> str:
    return formats.expires(model.expires_at, never=model.never_expires)


def _keep_alive(text: str | None) -> str | int | None:
    """A bare number is seconds; as text Ollama would want a unit."""
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        return text
