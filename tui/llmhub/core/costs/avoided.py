"""What a local turn would have cost in the cloud: its reference model's price for the same text (cost-model.md, 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal

from llmhub.core.costs.counterfactual import (
    UNKNOWN_TOKENIZER_BAND,
    Counterfactual,
    PrefixCache,
    SeenText,
    cloud_counterfactual,
    token_ratio,
)
from llmhub.core.costs.estimate import clock_of, in_pico
from llmhub.core.costs.labels import NO_REFERENCE, Figure, Label, unknown, weakest
from llmhub.core.costs.money import decimal, exact
from llmhub.core.costs.snapshots import Picked
from llmhub.core.price_book import PriceSnapshot
from llmhub.core.profiles import Profile
from llmhub.core.totals import BucketKey, Sums, Totals
from llmhub.core.turns import PICO, AvoidedFacts, Turn, TurnContext

Buckets = Iterable[tuple[BucketKey, Sums]]
RATIO_DAYS = 92
"""How far back text is looked at for bytes per token: tokenizers do not change, and old months stay closed."""


@dataclass(frozen=True, slots=True)
class TokenRatios:
    """Cloud tokens for each local token, on either side of a turn."""

    prompt: Decimal = Decimal(1)
    completion: Decimal = Decimal(1)
    label: Label = Label.MEASURED

    @property
    def band(self) -> tuple[Decimal, Decimal]:
        """How far off they may be; a default is a guess between tokenizers."""
        return UNKNOWN_TOKENIZER_BAND if self.label is Label.DEFAULT else (Decimal(1), Decimal(1))


SAME_TOKENS = TokenRatios()
"""The same weights count the same tokens."""


def token_ratios(totals: Totals, local_model: str, cloud_model: str, today: date) -> TokenRatios:
    """From the bytes per token that the ledger has seen of both models lately; 1 where it saw too little."""
    here, there = Sums(), Sums()
    for key, sums in totals.within(today - timedelta(days=RATIO_DAYS), today):
        if key.place.is_local and key.model == local_model:
            here += sums
        elif not key.place.is_local and key.model == cloud_model:
            there += sums
    prompt, prompt_label = token_ratio(
        SeenText(here.prompt_bytes, here.prompt_bytes_tokens), SeenText(there.prompt_bytes, there.prompt_bytes_tokens)
    )
    completion, completion_label = token_ratio(
        SeenText(here.completion_bytes, here.completion_bytes_tokens),
        SeenText(there.completion_bytes, there.completion_bytes_tokens),
    )
    if Label.DEFAULT in {prompt_label, completion_label}:
        # a side that was seen says more of the tokenizer than nothing does, but the band is for both
        return TokenRatios(prompt, completion, Label.DEFAULT)
    return TokenRatios(prompt, completion, weakest((prompt_label, completion_label)))


def prefix_cache(context: TurnContext, profile: Profile, cached: int | None = None) -> PrefixCache:
    """What is known of a repeated beginning: the daemon's own count of cached tokens, else the turn before."""
    return PrefixCache(
        policy=profile.cache_policy,
        prefix_tokens=(context.prefix_tokens or 0) if cached is None else cached,
        gap_s=None if context.gap_s is None else decimal(context.gap_s),
        ttl_s=profile.cache_ttl_s,
        min_tokens=profile.cache_min_tokens,
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison, and what it rests upon."""

    counterfactual: Counterfactual
    figure: Figure
    snapshot: PriceSnapshot
    ratios: TokenRatios
    cached_tokens: Decimal
    """Cloud tokens that are priced as cached; 0 when none are."""


@exact
def compared(
    prompt_tokens: int,
    completion_tokens: int,
    price: Picked[PriceSnapshot],
    ratios: TokenRatios,
    cache: PrefixCache,
    profile: Profile,
    at: time | None = None,
) -> Compared | None:
    """The same text at a price list, at UTC time `at`; `None` when that names no price."""
    snapshot = price.version
    if not snapshot.is_priced:
        return None

    def priced(known: PrefixCache | None) -> Counterfactual:
        return cloud_counterfactual(
            snapshot.pricing,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            prompt_ratio=ratios.prompt,
            completion_ratio=ratios.completion,
            ratio_band=ratios.band,
            ratio_label=ratios.label,
            cache=known,
            at_utc=at,
        )

    found = priced(cache)
    is_cached = found.point < priced(None).point
    labels = [found.label, Label.DECLARED]  # that this model stands for the local one is a choice
    if is_cached:
        labels += [profile.label("cache_ttl_s"), profile.label("cache_min_tokens")]
    if not price.exact:
        labels.append(Label.ESTIMATED)
    figure = Figure(found.point, weakest(labels), low=found.low, high=found.high)
    prefix = min(cache.prefix_tokens, prompt_tokens) * ratios.prompt if is_cached else Decimal(0)
    return Compared(found, figure, snapshot, ratios, prefix)


def ratios_of(turn: Turn) -> TokenRatios:
    """The ratios that a turn was booked with."""
    facts = turn.avoided
    label = Label(facts.ratio_label) if facts.ratio_label else Label.ESTIMATED
    return TokenRatios(decimal(facts.prompt_ratio), decimal(facts.completion_ratio), label)


def compared_turn(turn: Turn, price: Picked[PriceSnapshot], ratios: TokenRatios, profile: Profile) -> Compared | None:
    """The comparison of a local turn; `None` without its counts, or without a price."""
    tokens = turn.tokens
    if tokens.prompt is None or tokens.completion is None:
        return None
    cache = prefix_cache(turn.context, profile, tokens.cached)
    return compared(tokens.prompt, tokens.completion, price, ratios, cache, profile, clock_of(turn.started_at))


def avoided_facts(found: Compared) -> AvoidedFacts:
    """A comparison as it is booked."""
    figure = found.figure
    assert figure.amount is not None
    return AvoidedFacts(
        prompt_ratio=format(found.ratios.prompt, "f"),
        completion_ratio=format(found.ratios.completion, "f"),
        ratio_label=str(found.ratios.label),
        label=str(figure.label),
        pico_usd=in_pico(figure.amount),
        low_pico_usd=in_pico(found.counterfactual.low),
        high_pico_usd=in_pico(found.counterfactual.high),
    )


def booked_figure(turn: Turn) -> Figure:
    """The comparison as it was booked, for when its price list is not at hand."""
    facts = turn.avoided
    if facts.pico_usd is None:
        return NO_REFERENCE if turn.ref_model is None else unknown(why=f"no price of {turn.ref_model} is known")
    low, high = facts.low_pico_usd, facts.high_pico_usd
    return Figure(
        Decimal(facts.pico_usd) / PICO,
        Label(facts.label) if facts.label else Label.ESTIMATED,
        low=None if low is None else Decimal(low) / PICO,
        high=None if high is None else Decimal(high) / PICO,
    )


@dataclass(frozen=True, slots=True)
class AvoidedPortion:
    """The turns of one local model."""

    model: str
    turns: int
    usd: Decimal
    label: Label


@dataclass(frozen=True, slots=True)
class Avoided:
    """Local turns of a period, as the cloud would have charged them, without the fee on credits."""

    figure: Figure
    turns: int
    left_out: int
    """Local turns without a comparison."""
    portions: tuple[AvoidedPortion, ...] = ()


@exact
def avoided_spending(buckets: Buckets) -> Avoided:
    """The comparisons of these buckets' local turns, added up."""
    models: dict[str, Sums] = {}
    turns = 0
    for key, sums in buckets:
        if key.place.is_local:
            turns += sums.turns
            if sums.avoided_turns:
                models[key.model] = models.get(key.model, Sums()) + sums
    whole = sum(models.values(), Sums())
    if not whole.avoided_turns:
        return Avoided(NO_REFERENCE, 0, turns)
    figure = Figure(
        Decimal(whole.avoided_pico_usd) / PICO,
        _label(whole),
        low=Decimal(whole.avoided_low_pico_usd) / PICO,
        high=Decimal(whole.avoided_high_pico_usd) / PICO,
    )
    portions = tuple(
        AvoidedPortion(model, sums.avoided_turns, Decimal(sums.avoided_pico_usd) / PICO, _label(sums))
        for model, sums in sorted(models.items())
    )
    return Avoided(figure, whole.avoided_turns, turns - whole.avoided_turns, portions)


def _label(sums: Sums) -> Label:
    """The weakest of the turns'; nothing is better than declared, because a reference is a choice."""
    if sums.avoided_estimated_turns:
        return Label.ESTIMATED
    return Label.DEFAULT if sums.avoided_default_turns else Label.DECLARED
