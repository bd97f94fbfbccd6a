"""Invented models, so that the list is as long as the real one: makers, names and prices are all made up."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from llmhub.simulators import openrouter_providers as by
from llmhub.simulators.openrouter_catalogue import THINKING, USUAL, SimCloudModel, SimEndpoint
from llmhub.simulators.openrouter_prices import per_million

_MAKERS = (
    ("aurora-labs", "Aurora Labs", "Nimbus"), ("blue-harbor", "Blue Harbor", "Beacon"),
    ("cobalt-ai", "Cobalt", "Prism"),
    ("driftwood", "Driftwood", "Tide"), ("ember-works", "Ember Works", "Cinder"), ("fjord", "Fjord", "Skerry"),
    ("granite-hill", "Granite Hill", "Quarry"), ("hollow-oak", "Hollow Oak", "Acorn"),
    ("inkstone", "Inkstone", "Quill"),
    ("juniper", "Juniper", "Bramble"), ("kestrel-ml", "Kestrel ML", "Talon"), ("lantern", "Lantern", "Wick"),
    ("meridian-x", "Meridian X", "Zenith"), ("north-quay", "North Quay", "Lodestar"), ("opaline", "Opaline", "Lumen"),
    ("paper-crane", "Paper Crane", "Fold"),
)  # fmt: skip
_SIZES = (("1b", 1), ("3b", 3), ("8b", 8), ("14b", 14), ("32b", 32), ("70b", 70), ("120b", 120), ("405b", 405))
_FORMS = ("instruct", "thinking", "vision")
_SERVERS = (
    by.DEEPINFRA, by.NOVITA, by.TOGETHER, by.FIREWORKS, by.GROQ, by.NEBIUS, by.CHUTES, by.MISTRAL, by.ALIBABA,
)  # fmt: skip
_CONTEXTS = (32768, 65536, 131072, 262144)


def crowd(count: int) -> tuple[SimCloudModel, ...]:
    """The first `count` invented models, always the same; at most 384."""
    return tuple(islice(_all(), count))


def _all() -> Iterator[SimCloudModel]:
    number = 0
    for version in ("3", "2", "1"):
        for size, billions in _SIZES:
            for maker in _MAKERS:
                yield _model(number, maker, version, size, billions, _FORMS[number % len(_FORMS)])
                number += 1


def _model(
    number: int, maker: tuple[str, str, str], version: str, size: str, billions: int, form: str
) -> SimCloudModel:
    slug, company, family = maker
    prompt = (Decimal(billions) / 200 + Decimal("0.01")) * (1 + Decimal(number % 7) / 10)
    pricing: dict[str, Any] = {
        "prompt": per_million(str(prompt)),
        "completion": per_million(str(prompt * (2 + number % 4))),
    }
    if number % 3:
        pricing["input_cache_read"] = per_million(str(prompt / 4))
    servers = [_SERVERS[(number * 5 + step * 2) % len(_SERVERS)] for step in range(1 + number % 4)]
    thinks = form.startswith("thinking")
    return SimCloudModel(
        f"{slug}/{family.lower()}-{version}-{size}-{form}",
        f"{company}: {family} {version} {size.upper()} {form.replace('-', ' ').title()}",
        pricing,
        tuple(SimEndpoint(provider, pricing, "fp8" if step % 2 else "bf16") for step, provider in enumerate(servers)),
        created=1_700_000_000 + number * 86_400,
        context_length=_CONTEXTS[number % len(_CONTEXTS)],
        max_completion_tokens=8192 if number % 2 else None,
        inputs=("text", "image") if form.startswith("vision") else ("text",),
        parameters=(*USUAL, *THINKING) if thinks else USUAL,
        reasoning={"mandatory": False, "default_enabled": True, "supported_efforts": None} if thinks else None,
    )
