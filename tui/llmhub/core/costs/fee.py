"""The fee on bought credits by the person's profile: cash is what was billed, and the fee."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from llmhub.core.costs.billing import credit_fee
from llmhub.core.costs.labels import Figure, Label, weakest
from llmhub.core.costs.money import exact
from llmhub.core.profiles import Profile

FEE_KEYS = ("topup_usd", "credit_fee_fraction", "credit_fee_minimum_usd")


def fee_of(profile: Profile) -> Decimal:
    """The fee as a fraction of a purchase of credits."""
    _, fraction = credit_fee(
        topup_usd=profile.topup_usd,
        fee_fraction=profile.credit_fee_fraction,
        minimum_usd=profile.credit_fee_minimum_usd,
    )
    return fraction


def fee_label(profile: Profile) -> Label:
    """How far the fee can be trusted."""
    return weakest(profile.label(key) for key in FEE_KEYS)


@exact
def with_fee(figure: Figure, profile: Profile) -> Figure:
    """The cash behind an amount of credits; nothing stays nothing."""
    if figure.amount is None:
        return figure
    whole = 1 + fee_of(profile)
    return replace(
        figure,
        amount=figure.amount * whole,
        label=weakest([figure.label, fee_label(profile)]) if figure.amount else figure.label,
        low=None if figure.low is None else figure.low * whole,
        high=None if figure.high is None else figure.high * whole,
    )
