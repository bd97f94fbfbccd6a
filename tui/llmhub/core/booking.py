"""What is added to a turn before it is booked: energy, the price list, our own estimate, and the comparison."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from llmhub.core.cloud import CloudListing
from llmhub.core.costs.avoided import SAME_TOKENS, TokenRatios, avoided_facts, compared_turn, token_ratios
from llmhub.core.costs.estimate import estimate_pico
from llmhub.core.costs.turn import local_day, turn_price, with_energy
from llmhub.core.models import InstalledModel
from llmhub.core.places import PlaceKind
from llmhub.core.price_book import PriceBook
from llmhub.core.profiles import Profile, ProfileBook
from llmhub.core.reference_models import LocalModel, Reference, reference_for
from llmhub.core.totals import Totals
from llmhub.core.turns import Turn

NO_LISTING = CloudListing()


def complete(
    turn: Turn,
    profiles: ProfileBook | Profile,
    prices: PriceBook | None = None,
    listing: CloudListing = NO_LISTING,
    *,
    totals: Totals | None = None,
    installed: Sequence[InstalledModel] = (),
) -> Turn:
    """The turn as it is booked. Pure: the same inputs give the same turn, and nothing is looked up elsewhere.

    `prices` must know the price lists it is to name: see `models_to_price` and `PriceBook.noting`. `totals` are what
    was booked before, for bytes per token; `installed` tells the weights of local models.
    """
    book, prices = ProfileBook.of(profiles), prices or PriceBook()
    turn = with_energy(turn, book)
    if turn.place.is_local:
        profile = book.named(turn.context.profile_id, turn.started_at).version
        return _with_comparison(turn, profile, prices, listing, totals or Totals(), installed)
    if turn.place.kind is PlaceKind.PROVIDER:
        return with_estimate(_with_price(turn, prices, listing), prices)
    return turn


def models_to_price(
    models: Iterable[tuple[str, bool]],
    listing: CloudListing,
    profile: Profile,
    installed: Sequence[InstalledModel] = (),
) -> tuple[str, ...]:
    """The cloud models whose prices a prompt needs: `models` are the lanes', each with whether it is a provider's.

    Give them to `PriceBook.noting` before the prompt is sent, and keep what is new in the ledger.
    """
    wanted = []
    for name, is_cloud in models:
        if is_cloud:
            wanted.append(name)
        elif (reference := reference_for(LocalModel.of(name, installed), listing, profile)) is not None:
            wanted.append(reference.model)
    return tuple(dict.fromkeys(wanted))


def ratios_for(reference: Reference, local_model: str, totals: Totals, today: date) -> TokenRatios:
    """Cloud tokens for each local one: the same weights count alike, others are looked up in what was booked."""
    return SAME_TOKENS if reference.same_weights else token_ratios(totals, local_model, reference.model, today)


def with_estimate(turn: Turn, prices: PriceBook) -> Turn:
    """A cloud turn with our own arithmetic beside its bill, from the counts it has now."""
    price = turn_price(turn, prices)
    ours = None if price is None else estimate_pico(turn, price.version.pricing)
    return turn if ours is None else replace(turn, billed=replace(turn.billed, estimate_pico_usd=ours))


def _with_price(turn: Turn, prices: PriceBook, listing: CloudListing) -> Turn:
    """The price list of the model that answered: a fallback or a router's choice where that is known."""
    if turn.price_snapshot is not None:
        return turn
    served = listing.model(turn.served_model) if turn.served_model else None
    for model in dict.fromkeys((served.id if served else turn.model, turn.model)):
        if (picked := prices.in_force(model, turn.started_at)) is not None:
            return replace(turn, price_snapshot=picked.version.id)
    return turn


def _with_comparison(
    turn: Turn,
    profile: Profile,
    prices: PriceBook,
    listing: CloudListing,
    totals: Totals,
    installed: Sequence[InstalledModel],
) -> Turn:
    local = LocalModel.of(turn.model, installed, turn.context.digest)
    reference = reference_for(local, listing, profile)
    if reference is None:
        return turn
    turn = replace(turn, ref_model=reference.model)
    price = prices.in_force(reference.model, turn.started_at)
    if price is None:
        return turn
    turn = replace(turn, ref_snapshot=price.version.id)
    ratios = ratios_for(reference, turn.model, totals, local_day(turn))
    found = compared_turn(turn, price, ratios, profile)
    return turn if found is None else replace(turn, avoided=avoided_facts(found))
