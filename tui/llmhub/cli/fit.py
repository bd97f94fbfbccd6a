"""Will it fit: a model sized before a byte of it is pulled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmhub.cli.fit_asked import FitAsked, MisuseError
from llmhub.cli.fit_road import Fitted, fit_for
from llmhub.cli.fit_text import fit_lines
from llmhub.cli.options import Command, memory_size, session
from llmhub.cli.session import MISUSED
from llmhub.core.model_address import BACKENDS, OPENROUTER, AddressError, ModelAddress, model_address
from llmhub.core.sizing.blocks import KV_TYPES
from llmhub.formats.fit_json import fit_json

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console

_MOST_TOKENS = 2**31 - 1
_MOST_SLOTS = 256
"""Sequences that the engine keeps at the most (ggml-org/llama.cpp, LLAMA_MAX_SEQ)."""


@click.command(cls=Command)
@click.argument("model", required=False)
@click.option(
    "--ctx",
    type=click.IntRange(1, _MOST_TOKENS),
    metavar="TOKENS",
    help="Context of one slot; as a chat would ask for it unless given.",
)
@click.option(
    "--kv",
    type=click.Choice(KV_TYPES, case_sensitive=False),
    metavar="TYPE",
    help=f"Type of the KV cache: {', '.join(KV_TYPES)}. The daemon's own unless given, else f16.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1, _MOST_SLOTS),
    metavar="N",
    help="Slots, each with --ctx. As the daemon has them unless given, else 1.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, _MOST_TOKENS),
    metavar="TOKENS",
    help="Micro-batch; as Ollama chooses it unless given.",
)
@click.option(
    "--flash-attention",
    type=click.Choice(("on", "off")),
    help="As the daemon has it unless given, else on.",
)
@click.option("--quant", metavar="NAME", help="Another quantization of the same model, such as Q8_0.")
@click.option(
    "--memory",
    type=memory_size,
    metavar="SIZE",
    help="Imagine a machine: its unified memory, or the memory of the card that --chip names. "
    "16GiB or 16G; 16GB is 16 billion bytes, less than 16GiB.",
)
@click.option("--ram", type=memory_size, metavar="SIZE", help="The computer's own memory beside an imagined card.")
@click.option("--chip", metavar="NAME", help='Imagine a machine with this chip or card: "M4 Pro", "RTX 4090".')
@click.option(
    "--gguf", type=click.Path(path_type=Path), metavar="FILE", help="Size this file; its header is enough. No network."
)
@click.pass_context
def fit(
    context: click.Context,
    model: str | None,
    ctx: int | None,
    kv: str | None,
    parallel: int | None,
    batch: int | None,
    flash_attention: str | None,
    quant: str | None,
    memory: int | None,
    ram: int | None,
    chip: str | None,
    gguf: Path | None,
) -> None:
    """Say whether MODEL fits into memory, before a byte of it is pulled.

    MODEL is installed, or a name that could be pulled: qwen3:32b, hf.co/user/repository:Q4_K_M. Exit code 0 when it
    fits or would once something is unloaded, 3 when it is tight, partly on the CPU or does not fit, 4 when that is not
    known.
    """
    console = session(context).console

    async def work(world: World) -> int:
        try:
            asked = FitAsked(
                _local(model, is_needed=gguf is None),
                context=ctx,
                kv_type=kv,
                parallel=parallel,
                batch=batch,
                flash_attention=None if flash_attention is None else flash_attention == "on",
                quantization=quant,
                memory_bytes=memory,
                ram_bytes=ram,
                chip=chip,
                gguf=gguf,
            )
            fitted = await fit_for(world, asked)
        except (MisuseError, AddressError) as error:
            console.error(error)
            return MISUSED
        _show(console, fitted)
        return fitted.report.verdict.exit_code

    context.exit(session(context).run(work))


def _local(text: str | None, *, is_needed: bool) -> ModelAddress | None:
    """The model of a name; one that a provider runs takes no memory here and is refused."""
    if text is None and not is_needed:
        return None
    if text is None:
        raise MisuseError("No model is named", "llmhub fit", "name one, such as qwen3:8b, or a file: --gguf FILE")
    address = model_address(text, BACKENDS)
    if address.backend == OPENROUTER:
        raise MisuseError(
            "This model runs in the cloud, there is nothing to size",
            str(address),
            "name a model that runs here, such as qwen3:8b; its price is told by: llmhub models --cloud",
        )
    return address


def _show(console: Console, fitted: Fitted) -> None:
    if fitted.problem is not None:
        if fitted.report.need is None:
            console.error(fitted.problem)
        else:
            console.warning(fitted.problem)
    if console.json:
        console.data(fit_json(fitted.report))
        return
    for line in fit_lines(fitted, console.width):
        console.print(line.text, line.style)
