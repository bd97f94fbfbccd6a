"""The explanations of the cloud side: bills, our own arithmetic, what a local turn would have cost, the balance."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from llmhub.core.costs.avoided import Avoided, Compared
from llmhub.core.costs.checks import ModelCheck
from llmhub.core.costs.estimate import clock_of, counted_tokens
from llmhub.core.costs.explain import Explanation, Input
from llmhub.core.costs.explanations import key_input, not_known
from llmhub.core.costs.fee import FEE_KEYS, fee_label, fee_of
from llmhub.core.costs.labels import Figure, Label
from llmhub.core.costs.money import MILLION, ZERO, decimal, exact
from llmhub.core.costs.pricing import EffectivePricing, Tokens, effective_pricing
from llmhub.core.costs.snapshots import Picked
from llmhub.core.price_book import PriceSnapshot
from llmhub.core.profiles import Profile
from llmhub.core.run import as_decimal
from llmhub.core.turns import Turn

OTHER_LENGTH = "the same text is priced; another model would have answered at another length"
FREE_VARIANT = "a :free variant allows 20 requests a minute and 50 a day (1,000 with at least $10 of bought credits)"


@exact
def turn_charged(title: str, turn: Turn, figure: Figure, price: Picked[PriceSnapshot] | None) -> Explanation:
    """What a cloud turn was charged, or what our own arithmetic makes of it while that is not known."""
    if figure.amount is None:
        return not_known(title, figure)
    if figure.label is Label.BILLED:
        return _as_billed(title, turn, figure)
    tokens = counted_tokens(turn)
    if price is None or tokens is None:
        given = Input("estimate", "our estimate", figure.amount, "$", figure.label, "booked with the turn")
        return Explanation(title, figure, "our estimate as it was booked", "estimate", (given,), _waiting(figure))
    counted = Label.BILLED if turn.tokens.source == "provider" else Label.ESTIMATED
    expression, inputs, notes = _arithmetic(
        tokens, price.version, clock_of(turn.started_at), counted, f"{turn.place.words}'s count"
    )
    if turn.tokens.source != "provider":
        notes += ("tokens are counted by the bytes that were sent and the pieces that came",)
    if (turn.billed.raw or {}).get("is_byok"):
        notes += ("with a key of your own the upstream charges you; how much was not told",)
    words = "tokens × price, each kind at its own"
    return Explanation(title, figure, words, expression, inputs, (*notes, *_waiting(figure)))


def _as_billed(title: str, turn: Turn, figure: Figure) -> Explanation:
    raw = turn.billed.raw or {}
    amount = figure.amount or ZERO
    cost, upstream = as_decimal(raw.get("cost")), as_decimal(raw.get("upstream_inference_cost"))
    when = "looked up afterwards" if turn.billed.reconciled == "generation" else "with the last part of the reply"
    if raw.get("is_byok") and cost is not None and upstream is not None:
        inputs = (
            Input("fee", "the provider's fee", cost, "$", Label.BILLED, when),
            Input("upstream", "charged by the upstream to your own key", upstream, "$", Label.BILLED, when),
        )
        return Explanation(title, figure, "fee + what the upstream charged", "fee + upstream", inputs)
    given = Input("cost", "what was charged", cost if cost is not None else amount, "$", Label.BILLED, when)
    return Explanation(title, figure, "the provider's own figure", "cost", (given,))


def _waiting(figure: Figure) -> tuple[str, ...]:
    return ("the bill has not come yet; it takes the place of this",) if figure.pending else ()


@exact
def turn_avoided(title: str, turn: Turn, figure: Figure, comparison: Compared | None) -> Explanation:
    """What a local turn would have cost in the cloud."""
    if figure.amount is None:
        return not_known(title, figure)
    if comparison is None:
        given = Input("avoided", "the comparison", figure.amount, "$", figure.label, "booked with the turn")
        return Explanation(title, figure, "the comparison as it was booked", "avoided", (given,), (OTHER_LENGTH,))
    ratios, snapshot = comparison.ratios, comparison.snapshot
    prompt, completion = turn.tokens.prompt or 0, turn.tokens.completion or 0
    tokens = Tokens(prompt * ratios.prompt, completion * ratios.completion, cached=comparison.cached_tokens)
    expression, inputs, notes = _arithmetic(
        tokens, snapshot, clock_of(turn.started_at), ratios.label, "the daemon's count"
    )
    if ratios.label is not Label.MEASURED:
        inputs = tuple(_scaled(each, turn, comparison) for each in inputs)
    said = [OTHER_LENGTH]
    if ratios.label is Label.DEFAULT:
        said.append("too little text was seen to tell the tokenizers apart: as many tokens are assumed")
    if comparison.cached_tokens:
        said.append("the repeated beginning is priced as cached")
    if snapshot.model.endswith(":free"):
        said.append(FREE_VARIANT)
    words = f"the same text at {snapshot.model}"
    return Explanation(title, figure, words, expression, inputs, (*notes, *said))


def _scaled(given: Input, turn: Turn, comparison: Compared) -> Input:
    """A count of cloud tokens with the local ones it comes from."""
    sides = {
        "prompt": (turn.tokens.prompt, comparison.ratios.prompt),
        "completion": (turn.tokens.completion, comparison.ratios.completion),
    }
    if given.name not in sides:
        return given
    count, ratio = sides[given.name]
    inputs = (
        Input("tokens", "tokens here", Decimal(count or 0), "tokens", Label.MEASURED, "the daemon's count"),
        Input("ratio", "cloud tokens for each", ratio, "", comparison.ratios.label, "bytes per token in the ledger"),
    )
    by = Explanation(
        given.words, Figure(given.amount, given.label), "tokens × ratio", "tokens * ratio", inputs, unit=""
    )
    return Input(given.name, given.words, given.amount, given.unit, given.label, "the same text", by)


def _arithmetic(
    tokens: Tokens, snapshot: PriceSnapshot, at: time, label: Label, source: str
) -> tuple[str, tuple[Input, ...], tuple[str, ...]]:
    """Tokens times prices as `pricing.cloud_cost` works it out; kinds without tokens are left out."""
    prices = effective_pricing(snapshot.pricing, tokens.prompt, at)
    inputs: list[Input] = []
    terms: list[str] = []
    held = f"{snapshot.model}, prices of {snapshot.since:%Y-%m-%d}"

    def count(name: str, words: str, amount: Decimal | int) -> None:
        inputs.append(Input(name, words, decimal(amount), "tokens", label, source))

    def per_m(name: str, words: str, price: Decimal) -> str:
        inputs.append(Input(f"{name}_price", words, (price * MILLION).normalize(), "$/M", Label.BILLED, held))
        return f"{name}_price / 1000000"

    count("prompt", "tokens of the prompt", tokens.prompt)
    fresh = "prompt"
    for name, words, amount, price in _kinds_of_prompt(tokens, prices):
        if amount:
            count(name, words, amount)
            terms.append(f"{name} * {per_m(name, f'price of {words}', price)}")
            fresh += f" - {name}"
    if decimal(tokens.prompt) > decimal(tokens.cached) + tokens.cache_write:
        bracketed = f"({fresh})" if " " in fresh else fresh
        terms.insert(0, f"{bracketed} * {per_m('prompt', 'price of the prompt', prices.prompt)}")
    count("completion", "tokens of the reply", tokens.completion)
    written = "completion"
    thought = tokens.reasoning if prices.reasoning != prices.completion else 0
    if thought:
        count("reasoning", "tokens of thought among them", thought)
        terms.append(f"reasoning * {per_m('reasoning', 'price of thought', prices.reasoning)}")
        written = "(completion - reasoning)"
    if decimal(tokens.completion) > thought:
        terms.append(f"{written} * {per_m('completion', 'price of the reply', prices.completion)}")
    if prices.request:
        inputs.append(Input("request", "price of a request", prices.request, "$", Label.BILLED, held))
        terms.append("request")
    notes = tuple(f"not in this arithmetic: the price of {name}" for name in prices.not_modelled)
    return " + ".join(terms) or "0", tuple(inputs), notes


def _kinds_of_prompt(tokens: Tokens, prices: EffectivePricing) -> tuple[tuple[str, str, Decimal | int, Decimal], ...]:
    read = prices.prompt if prices.cache_read is None else prices.cache_read
    write = prices.prompt if prices.cache_write is None else prices.cache_write
    return (
        ("cached", "cached tokens", tokens.cached, read),
        ("cache_write", "tokens written to the cache", tokens.cache_write, write),
    )


@exact
def cash(title: str, without: Figure, figure: Figure, profile: Profile) -> Explanation:
    """An amount of credits with the fee on buying them."""
    if figure.amount is None or without.amount is None:
        return not_known(title, figure)
    inputs = (
        Input("credits", "credits", without.amount, "$", without.label, "the line above"),
        Input(
            "fee", "fee on credits", fee_of(profile), "of a purchase", fee_label(profile), "the profile", _fee(profile)
        ),
    )
    return Explanation(title, figure, "credits × (1 + fee on credits)", "credits * (1 + fee)", inputs)


def _fee(profile: Profile) -> Explanation:
    topup, fraction, minimum = (key_input(profile, key) for key in FEE_KEYS)
    figure = Figure(fee_of(profile), fee_label(profile))
    if topup.amount * fraction.amount >= minimum.amount:
        return Explanation("fee on credits", figure, "the fraction", "credit_fee_fraction", (fraction,), unit="")
    words = "the smallest fee ÷ usual purchase"
    expression = "credit_fee_minimum_usd / topup_usd"
    return Explanation("fee on credits", figure, words, expression, (minimum, topup), unit="")


@exact
def avoided_total(title: str, avoided: Avoided) -> Explanation:
    """What the local turns of a period would have cost in the cloud."""
    figure = avoided.figure
    if figure.amount is None:
        return not_known(title, figure)
    inputs = tuple(
        Input(
            f"model_{number}",
            part.model,
            part.usd,
            "$",
            part.label,
            f"{part.turns} turns, each at its own hour's price",
        )
        for number, part in enumerate(avoided.portions, 1)
    )
    notes = [OTHER_LENGTH]
    if avoided.left_out:
        notes.append(f"{avoided.left_out} turns not counted: nothing to compare them with was known")
    return Explanation(
        title, figure, "the sum over the turns", " + ".join(each.name for each in inputs), inputs, tuple(notes)
    )


@exact
def saved(
    title: str, figure: Figure, avoided_cash: Figure, power: Figure, accrued: Figure | None, left_out: int
) -> Explanation:
    """A balance: the cloud with its fee less power, and less what has accrued of the machine where that is given."""
    if figure.amount is None or avoided_cash.amount is None or power.amount is None:
        return not_known(title, figure)
    inputs = [
        Input(
            "cloud", "the same in the cloud, with the fee", avoided_cash.amount, "$", avoided_cash.label, "these turns"
        ),
        Input("power", "power", power.amount, "$", power.label, "these turns"),
    ]
    words, expression = "cloud − power", "cloud - power"
    if accrued is not None and accrued.amount is not None:
        inputs.append(Input("machine", "the machine so far", accrued.amount, "$", accrued.label, "the profile"))
        words, expression = "cloud − power − machine", "cloud - power - machine"
    notes = (f"{left_out} turns not counted: one side of them is not known",) if left_out else ()
    return Explanation(title, figure, words, expression, tuple(inputs), notes)


@exact
def check(each: ModelCheck) -> Explanation:
    """Our arithmetic over the bills of one model."""
    title = f"{each.model}, our arithmetic over the bills"
    figure = Figure(each.check.ratio, Label.MEASURED) if each.check.ratio is not None else Figure(None, why="no bills")
    if figure.amount is None:
        return not_known(title, figure)
    source = f"{each.check.pairs} turns"
    inputs = (
        Input("ours", "our arithmetic", each.estimate_usd, "$", Label.ESTIMATED, source),
        Input("billed", "billed", each.billed_usd, "$", Label.BILLED, source),
    )
    notes = () if each.check.ok else ("more than 5 % apart: comparisons with this model are off",)
    return Explanation(title, figure, "ours ÷ billed", "ours / billed", inputs, notes, unit="")
