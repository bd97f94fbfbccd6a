"""Pulling a model: its verdict first, then one truthful bar over the whole of it."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from llmhub import formats
from llmhub.cli.options import Command, session
from llmhub.cli.session import DONE, FAILED
from llmhub.core.errors import BackendError, LLMHubError
from llmhub.core.model_address import model_address
from llmhub.core.names import name_key
from llmhub.core.plain import one_line
from llmhub.core.pull_queue import asks_loopback_registry
from llmhub.core.pulls import PullMeter, PullPhase, PullProgress

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console
    from llmhub.core.pull_check import PullCheck

REFUSED = 3
"""Exit code of a pull that was not begun because of its verdict."""
_TICK_S = 0.25
_PLAIN_EVERY_S = 5.0
"""Seconds between two lines where nothing can be drawn again: a log is not to be flooded."""
_BAR = 20


@click.command(cls=Command)
@click.argument("model")
@click.option("--force", is_flag=True, help="Pull it even when it does not fit into the memory or onto the disk.")
@click.option("--insecure", is_flag=True, help="Allow a registry of your own without TLS.")
@click.pass_context
def pull(context: click.Context, model: str, force: bool, insecure: bool) -> None:
    """Pull MODEL, after its verdict; what does not fit is refused (exit 3) unless --force is given.

    Interrupted, it goes on where it was when it is pulled again.
    """
    console = session(context).console

    async def work(world: World) -> int:
        name = model_address(model).model
        check = None
        if not world.switch.offline:  # the daemon's refusal says why nothing can be fetched
            check = replace(await checked(world, console, name), forced=force)
            if (refused := tell(console, check)) is not None:
                return refused
        began = monotonic()
        entry = check.entry if check is not None else None
        # a kept one may be of last week's model
        manifest = entry.manifest if entry is not None and not entry.from_cache else None
        if manifest is None:
            with contextlib.suppress(BackendError):  # the bar then counts what the daemon tells, as a lower bound
                manifest = await world.registry.manifest(name)
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


async def checked(world: World, console: Console, name: str) -> PullCheck:
    """The verdict on a pull of `name`.

    Raises:
        BackendError: the daemon does not answer; nothing was looked up then.
    """
    from llmhub.bootstrap.sizing import engine_here
    from llmhub.core.pull_check import Surroundings, held_bytes
    from llmhub.core.pulling import look_up
    from llmhub.core.sizing.verdicts import Holder

    installed = await world.host.installed()

    async def around() -> Surroundings:
        memory, loaded = await world.memory(), await world.host.loaded()
        return Surroundings(
            memory,
            tuple(Holder(one.name, held_bytes(one, memory)) for one in loaded),
            frozenset(name_key(one.name) for one in installed),
            await world.models_folder(),
            await engine_here(world),
            world.config.chat_context,
        )

    if console.redraws:
        console.progress(f"looking up {name} …")
    try:
        return await look_up(name, world.catalog, around)
    finally:
        console.clear()


def tell(console: Console, check: PullCheck) -> int | None:
    """Tell the verdict; the exit code where the pull is not begun."""
    from llmhub.core.pull_check import PullRefusal, PullWarning
    from llmhub.formats import pulling

    if check.refusals == (PullRefusal.NAME,):
        error = pulling.refusal(check)
        console.error(LLMHubError(error.happened, error.subject, f"{error.remedy}; --force asks Ollama all the same"))
        return FAILED
    if console.json:
        console.data(verdict_json(check))
    if check.refusals:
        error = pulling.refusal(check)
        console.error(LLMHubError(error.happened, error.subject, f"{error.remedy}; --force pulls it all the same"))
        return REFUSED
    if check.found:
        error = pulling.refusal(check)
        console.warning(LLMHubError(error.happened, error.subject, "pulled all the same, as --force says"))
    elif check.warnings and check.warnings != (PullWarning.TO_FREE,):
        console.warning(LLMHubError(pulling.warning(check), one_line(check.name), "it is pulled all the same"))
    elif not console.json and (line := pulling.verdict_line(check)):
        console.note(f"{check.name}: {line}")
    return None


def verdict_json(check: PullCheck) -> dict[str, Any]:
    """The verdict, the first line of `pull --json`; unknown is null."""
    from llmhub.formats import pulling

    verdict, report, disk, smaller = check.verdict, check.report, check.disk, check.smaller
    memory = verdict.memory if verdict is not None else None
    return {
        "event": "verdict",
        "model": check.name,
        "verdict": verdict.kind if verdict is not None else None,
        "reasons": pulling.arithmetic(check),
        "refused": bool(check.refusals),
        "forced": check.forced and bool(check.found),
        "installed": check.is_update,
        "need_bytes": verdict.need.total_bytes if verdict is not None and verdict.need is not None else None,
        "context": report.setup.context if report is not None else None,
        "largest_context": report.largest_context if report is not None else None,
        "capacity_bytes": memory.capacity_bytes if memory is not None else None,
        "free_bytes": verdict.free_bytes if verdict is not None else None,
        "download_bytes": check.entry.download_bytes if check.entry is not None else None,
        "to_fetch_bytes": disk.to_fetch_bytes if disk is not None else None,
        "disk_free_bytes": disk.free_bytes if disk is not None else None,
        "disk_missing_bytes": disk.missing_bytes if disk is not None else None,
        "smaller": None
        if smaller is None
        else {
            "model": smaller.name,
            "quantization": smaller.quantization,
            "file_bytes": smaller.file_bytes,
            "exact": smaller.is_exact,
        },
    }


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
                "event": "pulled",
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
