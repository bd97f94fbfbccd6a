"""Whether a pull fits on the disk (memory-sizing.md, a7): what is not there yet, and 1 GiB, against what is free."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from llmhub.core.memory import GIB
from llmhub.core.models import ManifestLayer

KEPT_FREE_BYTES = GIB
"""Left on the disk for everything else."""


@dataclass(frozen=True, slots=True)
class ModelsFolder:
    """Where the daemon keeps its models, as far as it can be looked at from here."""

    path: str
    source: str
    """Why this folder, in words: `OLLAMA_MODELS`."""
    free_bytes: int | None = None
    """Free on its disk for an ordinary user; `None` when it cannot be told."""
    present: frozenset[str] | None = None
    """Digests of the layers that are there whole, `sha256:…`; `None` where the folder cannot be read."""


@dataclass(frozen=True, slots=True)
class DiskVerdict:
    """Whether there is room for a pull."""

    fits: bool | None
    """`None`: unknown, with the reason in `reasons`."""
    to_fetch_bytes: int | None
    """Layers that are not there yet; `None` when the manifest is not known."""
    present_bytes: int = 0
    """Layers that are there already."""
    free_bytes: int | None = None
    missing_bytes: int = 0
    """What has to be freed before it fits."""
    reasons: tuple[str, ...] = ()
    """Whole sentences, the arithmetic in them."""


def disk_verdict(
    layers: Iterable[ManifestLayer] | None, present_digests: Set[str] | None, free_bytes: int | None
) -> DiskVerdict:
    """Judge a pull.

    Args:
        layers: Of the manifest, the config included; `None` when there is none to be had.
        present_digests: Layers that are there whole; `None` when nobody can look: then none is taken to be there. Parts
            of a pull that was stopped count as not there: their blocks are taken already, so the verdict errs to the
            safe side.
        free_bytes: Free on the disk of the models; `None` when that cannot be told.
    """
    if layers is None:
        return DiskVerdict(None, None, free_bytes=free_bytes, reasons=("What it would fetch is not known.",))
    # a layer that a manifest names twice is fetched once
    sizes = {layer.digest: layer.size_bytes for layer in layers}
    there = sum(size for digest, size in sizes.items() if digest in (present_digests or ()))
    to_fetch = sum(sizes.values()) - there
    told = _fetched(to_fetch, there)
    if present_digests is None:
        told += " The models folder cannot be read, so none of it is taken to be there."
    if free_bytes is None:
        return DiskVerdict(None, to_fetch, there, None, 0, (told, "How much of the disk is free cannot be told."))
    if to_fetch == 0:
        return DiskVerdict(True, 0, there, free_bytes, 0, (told,))
    missing = to_fetch + KEPT_FREE_BYTES - free_bytes
    if missing <= 0:
        return DiskVerdict(True, to_fetch, there, free_bytes, 0, (told, f"{_gib(free_bytes)} of the disk are free."))
    wanted, kept = _gib(to_fetch + KEPT_FREE_BYTES), _gib(KEPT_FREE_BYTES)
    short = (
        f"With {kept} kept free that takes {wanted}; {_gib(free_bytes)} of the disk are free, {_gib(missing)} too few."
    )
    return DiskVerdict(False, to_fetch, there, free_bytes, missing, (told, short))


def _fetched(to_fetch: int, there: int) -> str:
    if to_fetch == 0:
        return "All of it is there already."
    return f"{_gib(to_fetch)} are to be fetched" + (f", {_gib(there)} are there already." if there else ".")


def _gib(size: int) -> str:
    """As sizes are written everywhere; less than a tenth is told exactly, so that no room is not shown as some."""
    if size >= GIB // 20:
        return f"{size / GIB:,.1f} GiB"
    return f"{size / 2**20:,.1f} MiB" if size >= 2**20 // 20 else f"{size:,} bytes"
