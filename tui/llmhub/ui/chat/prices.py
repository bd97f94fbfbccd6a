"""The form that asks what power and the machine cost."""

from __future__ import annotations

from collections.abc import Mapping

from llmhub.core.profiles import Profile
from llmhub.ui.screens.forms import Field, FormScreen

QUESTIONS = (
    ("busy_w", "watts while it answers", "measured at the plug, or from the maker"),
    ("idle_w", "watts at rest", "measured the same way"),
    ("usd_per_kwh", "electricity, $ per kWh", "0.18 is the default: the US average of 2026"),
    ("price_usd", "price of the machine, $", "what you paid, or only the part paid for AI"),
)


def price_form(profile: Profile) -> FormScreen:
    """The few keys of the profile that the first figures need."""
    fields = []
    for key, label, hint in QUESTIONS:
        value = getattr(profile, key)
        fields.append(Field(key, label, str(value) if value is not None and key in profile.declared else "", hint))
    note = "What is empty stays unknown, or keeps its default. Past turns keep the profile they ran under."
    return FormScreen("Electricity and machine", fields, note)


def price_values(profile: Profile, answer: Mapping[str, str] | None) -> dict[str, str]:
    """What the answer changes; empty when nothing."""
    if answer is None:
        return {}
    said = {key: str(getattr(profile, key)) if key in profile.declared else "" for key in answer}
    return {key: value for key, value in answer.items() if value != said[key]}
