"""What the Costs mode says in words: the profile on one line, the rows of the month, the sentences under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmhub import formats
from llmhub.core.costs.checks import ModelCheck
from llmhub.core.costs.labels import UNKNOWN, Figure, Label
from llmhub.core.costs.month import CloudSpending, MonthView
from llmhub.core.costs.panel import balance_of, hint_for
from llmhub.core.plain import one_line
from llmhub.core.profile_keys import KEYS
from llmhub.core.profiles import Profile
from llmhub.core.turns import TurnStatus
from llmhub.ui.widgets.cost_panel import turns_words

RowName = Literal["local", "avoided", "cloud", "ollama_cloud"]

STATUS = {
    TurnStatus.COMPLETE: "done",
    TurnStatus.LENGTH: "at limit",
    TurnStatus.CONTEXT_FULL: "context full",
    TurnStatus.CANCELLED: "stopped",
    TurnStatus.CUT: "cut off",
    TurnStatus.REPEATED: "repeated itself",
    TurnStatus.ERROR: "failed",
    TurnStatus.INTERRUPTED: "interrupted",
}
"""How a turn ended, for a column."""


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One line of the month: two figures and where they come from."""

    name: RowName
    words: str
    power: Figure
    with_machine: Figure
    label: str
    billed: bool = False
    """Whether `power` is a bill."""


def profile_summary(profile: Profile) -> str:
    """`profile: $1,999, 60 W, $0.34/kWh`; what is not set is `—`, and a default is named as one."""
    price = f"machine {formats.UNKNOWN}" if profile.price_usd is None else f"${profile.price_usd:,f}"
    watts = f"watts {formats.UNKNOWN}" if profile.busy_w is None else formats.watts(profile.busy_w)
    power = f"{price}, {watts}"
    if profile.tariff:
        return f"profile: {power}, $/kWh by the hour"
    default = " (default)" if profile.label("usd_per_kwh") is Label.DEFAULT else ""
    return f"profile: {power}, ${profile.usd_per_kwh:f}/kWh{default}"


def period_title(view: MonthView) -> str:
    """`November 1–20, provisional`."""
    days = formats.period(view.first, view.last)
    return f"{days}, provisional" if view.provisional else days


def block_rows(view: MonthView) -> tuple[BlockRow, ...]:
    """The month: local, the same in the cloud, cloud."""
    local, cloud = view.local, view.cloud
    rows = [
        BlockRow("local", _counted("local", local.tokens, local.turns), local.power, view.with_machine, _local(view)),
        BlockRow("avoided", "the same in the cloud", view.avoided, view.avoided_cash, _avoided(view)),
        BlockRow("cloud", _counted("cloud", cloud.tokens, cloud.turns), cloud.billed, cloud.cash, _bills(cloud), True),
    ]
    other = view.ollama_cloud
    if other.turns:
        words = _counted("Ollama cloud", other.tokens, other.turns)
        rows.append(BlockRow("ollama_cloud", words, other.billed, UNKNOWN, "billed by plan", True))
    return tuple(rows)


def sentences(view: MonthView, unsaved: int) -> list[str]:
    """Which way the balance goes, both ways of counting; what is missing to tell it; what is counted nowhere."""
    said = []
    both = balance_of(view)
    if both is not None:
        words = formats.balance(both)
        said.append(f"{words[:1].upper()}{words[1:]}.")
    asked = list(dict.fromkeys(missing_words(figure) for figure in (view.local.power, view.with_machine, view.avoided)))
    wanted = [each for each in asked if each]
    if wanted:
        said.append(f"{formats.UNKNOWN} {', '.join(wanted)}: e opens the profile.")
    if both is not None and both.left_out:
        said.append(f"{formats.count(both.left_out)} local turns in neither side of it: one side is not known.")
    if (waiting := view.cloud.pending_turns) != 0:
        said.append(f"{formats.count(waiting)} {'bill has' if waiting == 1 else 'bills have'} not come yet.")
    said += [bills_differ(check) for check in view.warnings]
    if view.local.left_out:
        counted = f"{formats.count(view.local.left_out)} of {turns_words(view.local.turns)}"
        said.append(f"{counted} in neither figure: their power is not known.")
    if unsaved:
        said.append(f"{turns_words(unsaved)} not saved yet; tried again.")
    return said


def missing_words(figure: Figure) -> str:
    """What would make a figure known: `set the watts`; empty when nothing that can be set would."""
    if figure.known:
        return ""
    if (hint := hint_for(figure)) is not None:
        return hint.words
    return f"set the {KEYS[figure.missing].words}" if figure.missing in KEYS else ""


def bills_differ(check: ModelCheck) -> str:
    """`openai/gpt-4o billed 1.20 times what its prices give (5 bills): comparisons with it are off.`"""
    ratio = check.check.ratio
    times = formats.UNKNOWN if not ratio else f"{1 / ratio:.2f}"
    bills = f"{formats.count(check.check.pairs)} bills"
    return f"{one_line(check.model)} billed {times} times what its prices give ({bills}): comparisons with it are off."


def why_unknown(figure: Figure) -> str:
    """Why a figure is not known, in words."""
    return missing_words(figure) or figure.why or "not known"


def _counted(name: str, tokens: int, turns: int) -> str:
    return f"{name:<6} {formats.tokens(tokens):>6} tok  {turns_words(turns):>11}"


def _local(view: MonthView) -> str:
    if not view.local.power.known:
        return why_unknown(view.local.power)
    measured = view.measured_fraction
    if measured:
        return f"power measured for {formats.percent(measured)} of tokens"
    return "power from stated watts" if view.local.turns else "no turns"


def _avoided(view: MonthView) -> str:
    if not view.avoided.known:
        return why_unknown(view.avoided)
    left = view.compared.left_out
    return f"reference price, {formats.count(left)} not compared" if left else "reference price, with the credit fee"


def _bills(cloud: CloudSpending) -> str:
    notes = []
    if cloud.pending_turns:
        notes.append(f"{formats.count(cloud.pending_turns)} bill{'s' if cloud.pending_turns > 1 else ''} pending")
    if cloud.unpriced_turns:
        notes.append(f"{formats.count(cloud.unpriced_turns)} without a price")
    if cloud.cash.known and cloud.turns:
        notes.append("with the credit fee")
    return ", ".join(notes) or ("no turns" if not cloud.turns else why_unknown(cloud.billed))
