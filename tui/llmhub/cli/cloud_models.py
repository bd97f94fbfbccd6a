"""The models a provider lists, with their prices, from the cache while it is fresh or nothing else can be had."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmhub import formats
from llmhub.cli.session import DONE
from llmhub.cli.table import table
from llmhub.core.cloud import CloudListing, CloudModel
from llmhub.core.costs.labels import Label
from llmhub.core.costs.money import MILLION
from llmhub.core.fuzzy import fuzzy_rank

if TYPE_CHECKING:
    from llmhub.bootstrap import World
    from llmhub.cli.console import Console


async def list_cloud(world: World, console: Console, search: str, *, refresh: bool) -> int:
    """Print the list, or those of it that `search` fits; the exit code."""
    listing = await world.cloud.models(refresh=refresh)
    by_name = sorted(listing.models, key=lambda model: model.id)
    found = [model for model, _ in fuzzy_rank(search, by_name, key=lambda model: model.id)]
    if console.json:
        console.data(listing_json(listing, found))
        return DONE
    rows = [
        (
            f"{world.cloud.place.sign} {model.id}",
            price_words(model.prompt_usd_per_token),
            price_words(model.completion_usd_per_token),
            formats.tokens(model.context_tokens),
            ", ".join(_abilities(model)),
        )
        for model in found
    ]
    heads = ("  model", "in", "out", "context", "can")
    for at, line in enumerate(table(heads, ("<", ">", ">", ">", "<"), rows) if rows else ()):
        console.print(line, "dim" if at == 0 else None)
    many = "1 model" if len(found) == 1 else f"{len(found)} models"
    of = f" of {len(listing.models)}" if search else ""
    console.note(f"{many}{of} at {world.cloud.place.words}, {age_words(listing)}", "dim")
    return DONE


def listing_json(listing: CloudListing, models: list[CloudModel]) -> dict[str, Any]:
    """The list as `models --cloud --json` tells it; prices are dollars per token as text, unknown is null."""
    return {
        "fetched_at": listing.fetched_at,
        "age_s": age_s(listing),
        "from_cache": listing.from_cache,
        "models": [
            {
                "model": f"openrouter:{model.id}",
                "id": model.id,
                "name": model.name,
                "canonical_slug": model.canonical_slug,
                "context": model.context_tokens,
                "max_completion_tokens": model.max_completion_tokens,
                "prompt_usd": model.prompt_usd_per_token,
                "completion_usd": model.completion_usd_per_token,
                "pricing": dict(model.pricing),
                "input": sorted(model.input_modalities),
                "can": _abilities(model),
                "hugging_face_id": model.hugging_face_id,
                "expires_on": model.expires_on,
                "alias_target": model.alias_target,
            }
            for model in models
        ],
    }


def price_words(usd_per_token: Decimal | None) -> str:
    """A list price per token as people read it: per million."""
    return formats.per_m(None if usd_per_token is None else usd_per_token * MILLION, Label.BILLED)


def age_s(listing: CloudListing) -> int | None:
    """Seconds since the list was fetched."""
    if listing.fetched_at is None:
        return None
    return max(0, round((datetime.now(UTC) - listing.fetched_at).total_seconds()))


def age_words(listing: CloudListing) -> str:
    """`listed just now`, `listed 3 hours ago (kept)`."""
    kept = " (kept)" if listing.from_cache else ""
    return f"listed {formats.ago(listing.fetched_at)}{kept}"


def _abilities(model: CloudModel) -> list[str]:
    found = {"vision"} if "image" in model.input_modalities else set()
    if "tools" in model.supported_parameters:
        found.add("tools")
    if model.reasoning is not None or "reasoning" in model.supported_parameters:
        found.add("thinking")
    return sorted(found)
