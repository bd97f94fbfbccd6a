"""Pulling a model, with one truthful bar over the whole of it."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from time import monotonic
from typing import TYPE_CHECKING

import click

from llmhub import formats
from llmhub.cli.options import Command, session
from llmhub.cli.session import DONE
from llmhub.core.errors import BackendError
from llmhub.core.model_address import model_address
from llmhub.core.names import name_key
from llmhub.core.pull_queue import asks_loopback_registry
from llmhub.core.pulls import PullMeter, PullPhase, PullProgress

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console

_TICK_S = 0.25
_PLAIN_EVERY_S = 5.0
"""Seconds between two lines where nothing can be drawn again: a log is not to be flooded."""
_BAR = 20


@click.command(cls=Command)
@click.argument("model")
@click.option("--insecure", is_flag=True, help="Allow a registry of your own without TLS.")
@click.pass_context
def pull(context: click.Context, model: str, insecure: bool) -> None:
    """Pull MODEL. Interrupted, it goes on where it was when it is pulled again."""
    console = session(context).console

    async def work(world: World) -> int:
        name = model_address(model).model
        began = monotonic()
        manifest = None
        with contextlib.suppress(BackendError):  # the bar then counts what the daemon tells, as a lower bound
            manifest = await world.registry.manifest(name)
        if manifest is not None and not console.json:
            console.note(f"{name}: {formats.size(manifest.size_bytes)}")
        meter = PullMeter(manifest, now=monotonic())
        drawing = asyncio.create_task(_draw(console, name, meter))
        try:
            async with aclosing(world.host.pull(name, insecure=insecure or asks_loopback_registry(name))) as events:
                async for event in events:
                    meter.observe(event, monotonic())
        except asyncio.CancelledError:
            console.note(f"Stopped; what has come is kept. To go on: llmhub pull {name}")
            raise
        finally:
            drawing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await drawing
            console.clear()
        await _done(world, console, name, meter.progress(monotonic()), monotonic() - began)
        return DONE

    context.exit(session(context).run(work))


async def _draw(console: Console, name: str, meter: PullMeter) -> None:
    """Draw until cancelled."""
    said: PullPhase | None = None
    said_at = 0.0
    while True:
        now = monotonic()
        progress = meter.progress(now)
        if console.redraws:
            console.progress(progress_line(name, progress))
        elif progress.phase is not said or now - said_at >= _PLAIN_EVERY_S:
            said, said_at = progress.phase, now
            console.progress(progress_line(name, progress, bar=False))
        await asyncio.sleep(_TICK_S)


async def _done(world: World, console: Console, name: str, progress: PullProgress, took_s: float) -> None:
    model = None
    with contextlib.suppress(BackendError):  # it is pulled; that it cannot be looked at now is another matter
        model = next((one for one in await world.host.installed() if name_key(one.name) == name_key(name)), None)
    size = model.size_bytes if model else progress.total_bytes
    if console.json:
        console.data(
            {
                "model": model.name if model else name,
                "digest": model.digest if model else None,
                "size_bytes": size,
                "seconds": round(took_s, 3),
                "status": "success",
            }
        )
    else:
        amount = "" if size is None else f"{formats.size(size)} "
        console.note(f"✓ {model.name if model else name}: {amount}in {formats.seconds(took_s)}")


def progress_line(name: str, progress: PullProgress, *, bar: bool = True) -> str:
    """A pull on one line: bar, share, bytes, rate, time left, and the key that stops it."""
    words = [f"↓ {name}"]
    share = progress.fraction
    if progress.phase in {PullPhase.STARTING, PullPhase.VERIFYING, PullPhase.FINISHING}:
        words.append({PullPhase.STARTING: "asking the registry"}.get(progress.phase, progress.phase.value))
    if share is not None:
        if bar:
            words.append(formats.bar(share, _BAR))
        words.append(formats.percent(share))
    if progress.total_bytes:
        of = " of " if progress.total_is_whole else " of ≥"
        words.append(formats.of_bytes(progress.completed_bytes, progress.total_bytes, of))
    if progress.stalled_s is not None:
        words.append(f"nothing came for {formats.seconds(progress.stalled_s)}")
    elif progress.per_s is not None:
        words.append(formats.byte_rate(progress.per_s))
    if progress.left_s is not None:
        words.append(f"{formats.seconds(progress.left_s)} left")
    if bar:
        words.append("ctrl+c stops")
    return "  ".join(words)
