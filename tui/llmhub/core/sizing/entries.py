"""What the catalogue tells of a model, sized: the same for `llmhub fit`, for a pull and for the first offers."""

from __future__ import annotations

from dataclasses import replace

from llmhub.core.catalog import CatalogEntry
from llmhub.core.sizing import quantizations
from llmhub.core.sizing.assess import SizedModel, understood
from llmhub.core.sizing.ladder import guessed_bytes
from llmhub.core.sizing.weights import Weights

COUNT = "general.parameter_count"


def sized_entry(entry: CatalogEntry) -> SizedModel | None:
    """With what the entry knows besides its header, and the weights by the usual mix where no listing has them.

    Adapters and a draft model of the same package count as weights. `None` where nothing of its insides is known.
    """
    facts = entry.facts
    if facts is None:
        return None
    if entry.parameters is not None and COUNT not in facts.metadata and not facts.tensors:
        facts = replace(facts, metadata={**facts.metadata, COUNT: entry.parameters})
    sized = understood(facts)
    if sized.weights is None and sized.shape is not None and entry.quantization:
        mix = quantizations.plain_name(entry.quantization)
        estimated = (entry.stock_bytes or {}).get(mix) or guessed_bytes(sized.shape, mix)
        if estimated is not None:
            sized = SizedModel(facts, sized.shape, Weights(estimated, is_exact=False))
    beside = entry.adapter_bytes + entry.draft_bytes
    if sized.weights is None or not beside:
        return sized
    return replace(sized, weights=replace(sized.weights, text_bytes=sized.weights.text_bytes + beside))
