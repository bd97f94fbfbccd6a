"""What was found, what is missing, what to do; also whether an installed llmhub is whole."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import click

from llmhub import __version__, formats
from llmhub.cli.options import Command, session
from llmhub.cli.session import DONE, FAILED
from llmhub.core.config import KEY_VARIABLE, OLLAMA_HOST
from llmhub.core.costs.labels import Label
from llmhub.core.errors import BackendError, ConfigError, FailureKind, LLMHubError
from llmhub.core.places import is_loopback
from llmhub.core.plain import one_line
from llmhub.core.sizing.advisor import counts_its_buffers

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console
    from llmhub.core.cloud import KeyInfo

State = Literal["ok", "note", "bad"]
"""`note`: llmhub works, and something could be better; `bad`: something must be mended."""

_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    state: State
    found: str
    remedy: str = ""


@click.command(cls=Command)
@click.pass_context
def doctor(context: click.Context) -> None:
    """Say what was found and what to do. Exit code 1 when something must be mended."""
    call = session(context)
    console = call.console

    async def work(world: World) -> int:
        checks = await examine(world)
        good = all(check.state != "bad" for check in checks)
        if console.json:
            console.data({"ok": good, "version": __version__, "checks": [asdict(check) for check in checks]})
        else:
            _print(console, checks)
        return DONE if good else FAILED

    context.exit(call.run(work, quiet=True))


async def examine(world: World) -> list[Check]:
    """Every check, in the order of the report."""
    parts: tuple[Callable[[World], Awaitable[list[Check]]], ...] = (
        _program,
        _terminal,
        _places,
        _settings,
        _daemon,
        _memory,
        _predictions,
        _ledger,
        _themes,
        _secrets,
        _openrouter,
        _network,
    )
    checks: list[Check] = []
    for part in parts:
        try:
            checks += await part(world)
        except LLMHubError as error:
            name = part.__name__.removeprefix("_")
            checks.append(Check(name, "bad", f"{error.happened} · {error.subject}", error.remedy))
    return checks


def _print(console: Console, checks: list[Check]) -> None:
    signs = {"ok": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "red")}
    width = max(len(check.name) for check in checks)
    for check in checks:
        sign, style = signs[check.state]
        console.print(f"{sign} {check.name:<{width}}  {check.found}", None if check.state == "ok" else style)
        if check.remedy:
            console.print(f"  {'':<{width}}  → {check.remedy}")


# -- the program --------------------------------------------------------------------------------


async def _program(world: World) -> list[Check]:
    python = f"Python {platform.python_version()} ({platform.system()} {platform.machine()})"
    checks = [Check("llmhub", "ok", f"{__version__}, {python}")]
    broken = await asyncio.to_thread(world.missing_parts)
    if broken:
        # one missing file makes everything fail that needs it; the first few name it
        more = f" and {len(broken) - 3} more" if len(broken) > 3 else ""
        found = f"not whole: {'; '.join(broken[:3])}{more}"
        checks.append(Check("package", "bad", found, "install llmhub-tui again"))
    else:
        checks.append(Check("package", "ok", "whole: every part can be loaded"))
    return checks


async def _terminal(_world: World) -> list[Check]:
    if not sys.stdout.isatty():
        return [Check("terminal", "ok", "output goes into a pipe or a file; the app needs a terminal")]
    size = os.get_terminal_size()
    kind = os.environ.get("TERM") or "unknown"
    found = f"{kind}, {size.columns}×{size.lines}, {sys.stdout.encoding}"
    if kind == "dumb":
        return [Check("terminal", "note", found, "the app cannot draw on TERM=dumb; use another terminal")]
    if size.columns < 80 or size.lines < 24:
        return [Check("terminal", "note", found, "make it 80×24 or larger for the app")]
    if "utf" not in (sys.stdout.encoding or "").lower():
        return [Check("terminal", "note", found, "set a UTF-8 locale (LANG=C.UTF-8): signs and boxes need it")]
    return [Check("terminal", "ok", found)]


# -- this disk ----------------------------------------------------------------------------------


async def _places(world: World) -> list[Check]:
    wrong = await asyncio.to_thread(world.places.make)
    bad = {problem.subject: problem for problem in wrong}
    checks = []
    for name, folder in world.places.folders().items():
        problem = bad.get(str(folder))
        if problem is None:
            checks.append(Check(f"{name} folder", "ok", str(folder)))
        else:
            checks.append(Check(f"{name} folder", "bad", f"{folder}: {problem.happened}", problem.remedy))
    return checks


async def _settings(world: World) -> list[Check]:
    file = world.places.config_file
    await world.ledger()  # reads the profile
    checks = [
        Check("settings", "bad", f"{problem.happened} · {problem.subject}", problem.remedy)
        for problem in world.problems
        if isinstance(problem, ConfigError)
    ]
    if checks:
        return checks
    there = await asyncio.to_thread(file.exists)
    named = ", ".join(f"{name} from {source}" for name, source in sorted(world.config.sources.items()))
    return [
        Check("settings", "ok", f"{file if there else f'no {file}, defaults hold'}{f' ({named})' if named else ''}")
    ]


async def _ledger(world: World) -> list[Check]:
    ledger = await world.ledger()
    totals = ledger.totals
    turns = sum(sums.turns for _, sums in totals.buckets)
    found = f"{formats.count(turns)} turns in {world.places.ledger}"
    wrong = []
    if totals.unsaved_turns:
        remedy = "make room or give yourself the right to write there; they are tried again meanwhile"
        wrong.append(Check("ledger", "bad", f"{totals.unsaved_turns} turns are not saved yet", remedy))
    if totals.damaged_lines:
        words = f"{totals.damaged_lines} damaged lines are set aside and not counted"
        wrong.append(Check("ledger", "note", words, f"they are kept beside the records in {world.places.ledger}"))
    if totals.newer_records:
        words = f"{totals.newer_records} records of a newer llmhub, counted as far as understood"
        wrong.append(Check("ledger", "note", words, "update llmhub to count them whole"))
    return [Check("ledger", "ok", found), *wrong]


async def _themes(world: World) -> list[Check]:
    found = await asyncio.to_thread(world.themes)
    names = [theme.name for theme in found.themes]
    checks = [Check("themes", "bad", f"{one.happened} · {one.subject}", one.remedy) for one in found.problems]
    return [Check("themes", "ok", f"{len(names)}: {', '.join(names)}"), *checks] if names else checks


# -- the daemon and this machine ----------------------------------------------------------------


async def _daemon(world: World) -> list[Check]:
    host = world.host
    try:
        info = await host.info()
        installed, loaded = await host.installed(), await host.loaded()
    except BackendError as error:
        remedy = (await world.remedied(error)).remedy
        # without a daemon llmhub starts and waits for one, so nothing of llmhub's own is broken
        return [Check("ollama", "note", f"{error.happened} · {error.subject}", remedy)]
    where = f"{formats.place(host.place)} at {host.url}"
    if not info.is_ollama:
        remedy = "set [ollama] url or OLLAMA_HOST to the address of an Ollama daemon"
        return [Check("ollama", "note", f"something else than Ollama answers at {host.url}", remedy)]
    count = "1 model" if len(installed) == 1 else f"{len(installed)} models"
    checks = [Check("ollama", "ok", f"{info.version or 'unknown version'}, {where}, {count}, {len(loaded)} loaded")]
    if not installed:
        checks.append(Check("models", "note", "none is installed yet", "pull one: llmhub pull qwen3:4b"))
    return checks


async def _memory(world: World) -> list[Check]:
    memory = await world.memory()
    if memory is None:
        return [Check("memory", "ok", f"{world.host.place.words} cannot be measured from here")]
    free, whole = formats.size(memory.free_bytes), formats.size(memory.capacity_bytes)
    return [Check("memory", "ok", f"{memory.label} {whole}, {free} free ({memory.source})")]


async def _predictions(world: World) -> list[Check]:
    """How well loads were predicted on that machine with the daemon of today."""
    try:
        version = (await world.host.info()).version
    except BackendError:
        return []  # told already
    if not counts_its_buffers(version):
        older = "does not count all its buffers" if version else "does not say its version"
        return [Check("predictions", "ok", f"not compared: this daemon {older}; Ollama counts them from 0.30 on")]
    await world.ledger()
    book = world.predictions.of_machine(world.daemon_machine)
    words = book.words(version) or "none compared yet: load a model"
    apart = sum(not one.counts for one in book.for_version(version))
    more = f"; {apart} more cannot be compared exactly" if apart else ""
    return [Check("predictions", "ok", f"{words} with Ollama {version}{more}")]


# -- keys and ways out --------------------------------------------------------------------------


async def _secrets(world: World) -> list[Check]:
    if world.demo:
        return [Check("keyring", "ok", "not looked at in the demo")]
    if world.keys.from_environment:
        return [Check("keyring", "ok", f"not needed: a key is in {KEY_VARIABLE}")]
    usable, words = await asyncio.to_thread(world.keyring)
    if usable:
        return [Check("keyring", "ok", words)]
    return [Check("keyring", "note", words, f"set {KEY_VARIABLE} if you want cloud models")]


async def _openrouter(world: World) -> list[Check]:
    """The key, what it may still spend, the list, the bills. Without a key nobody wants the cloud: none is asked."""
    secret = await world.keys.find()
    listed = formats.ago((await world.kept_listing()).fetched_at)
    kept = "no list of models is kept" if listed == formats.UNKNOWN else f"the list of models is from {listed}"
    checks = []
    if secret is None:
        problem = world.keys.problem
        words = problem.happened if problem else "no key"
        remedy = f"{problem.remedy}" if problem else "for cloud models: llmhub keys set openrouter"
        checks.append(Check("openrouter", "note" if problem else "ok", f"{words}; {kept}", remedy if problem else ""))
    elif world.switch.offline:
        checks.append(Check("openrouter", "ok", f"a key from {secret.source}; offline, so it was not asked; {kept}"))
    else:
        try:
            info = await world.cloud.key_info()
        except BackendError as error:
            state: State = "bad" if error.kind is FailureKind.KEY else "note"
            found = f"a key from {secret.source}; {error.happened} · {error.subject}; {kept}"
            checks.append(Check("openrouter", state, found, error.remedy))
        else:
            found = f"a key from {secret.source}, {world.cloud.url} answers, {_left(info)}; {kept}"
            checks.append(Check("openrouter", "ok", found))
    return checks + await _bills(world)


async def _bills(world: World) -> list[Check]:
    totals = (await world.ledger()).totals
    pending = sum(sums.pending_turns for _, sums in totals.buckets)
    if not pending:
        return []
    words = "1 bill has not come yet" if pending == 1 else f"{pending} bills have not come yet"
    return [Check("bills", "note", words, "they are asked for whenever llmhub opens with a key and a connection")]


def _left(info: KeyInfo) -> str:
    if info.limit_usd is None:
        return "no limit on the key"
    left, limit = formats.usd(info.remaining_usd, Label.BILLED), formats.usd(info.limit_usd, Label.BILLED)
    return f"{left} of {limit} left{f' ({one_line(info.limit_reset)})' if info.limit_reset else ''}"


async def _network(world: World) -> list[Check]:
    if world.switch.offline:
        return [Check("network", "ok", "offline: nothing leaves this machine")]
    environ = world.environ
    named = [name for name in _PROXIES if environ.get(name) or environ.get(name.lower())]
    proxy = "[net] proxy" if world.config.proxy else ", ".join(named)
    loopback = is_loopback(world.host.url.split("://")[-1].rsplit(":", 1)[0].split("/")[0])
    if not proxy:
        checks = [Check("network", "ok", "no proxy")]
    elif loopback:
        checks = [Check("network", "ok", f"{proxy}; never used for the daemon on this machine")]
    else:
        checks = [Check("network", "ok", f"{proxy}; also used for {world.host.url} unless NO_PROXY names it")]
    if environ.get(OLLAMA_HOST) and world.config.sources.get("ollama.url") not in {OLLAMA_HOST, None}:
        words = f"{OLLAMA_HOST} is set, but {world.config.sources['ollama.url']} is stronger"
        checks.append(Check("network", "note", words, "take one of them away"))
    return checks
