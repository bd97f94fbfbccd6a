"""What a daemon's `/api/show` tells of a model's insides."""

from __future__ import annotations

from llmhub.core.models import ModelDetails
from llmhub.core.sizing.facts import ModelFacts
from llmhub.core.sizing.weights import listed_bytes

HEADER_ROOM_BYTES = 64 * 2**20
"""Headers and small layers are 1 to 16 MB (memory-sizing.md, b1); what goes far beyond is another file."""


def facts_of_details(details: ModelDetails, size_bytes: int | None = None) -> ModelFacts:
    """From `/api/show`, verbose or not; the tensor list stands in for arrays that came as null.

    Args:
        size_bytes: All layers on disk, as the daemon lists them. What they hold far beyond the tensors is a projector
            in a file of its own: the list of tensors is of the model's file alone.
    """
    beside = 0
    listed = listed_bytes(details.tensors)
    if size_bytes is not None and listed is not None and size_bytes - listed > HEADER_ROOM_BYTES:
        beside = size_bytes - listed
    return ModelFacts(
        metadata={key: tuple(v) if isinstance(v, list) else v for key, v in details.model_info.items()},
        tensors=details.tensors,
        file_bytes=None if size_bytes is None else size_bytes - beside,
        projector_bytes=beside,
        quantization=details.quantization,
        source="the daemon",
    )
