"""The engine's work buffer (engine-memory.md, 2): phases of a block, masks, logits, and what moves them.

All widths are in 32-bit floats a token of the micro-batch; the formulas and their terms are those of that section.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from llmhub.core.sizing.blocks import QUANTIZED_KV
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.families import Mixer, Quirk
from llmhub.core.sizing.shapes import ModelShape
from llmhub.core.sizing.state import full_cells, window_cells

_INPUTS = 10
"""Small inputs of the graph, floats a token."""
_ROTATED = {64, 128, 256, 512}
"""Key lengths for which a quantized cache is rotated first."""


@dataclass(frozen=True, slots=True)
class Widths:
    """The widths that phases are made of: E, F, Q, K, n, Fe, Fs, H of engine-memory.md."""

    e: int
    f: int
    q: int
    k: int
    n: int
    fe: int
    fs: int
    h: int


def widths_of(shape: ModelShape) -> Widths:
    """From a shape."""
    length = shape.mla_key_length or shape.key_length
    return Widths(
        shape.embedding,
        shape.feed_forward,
        shape.heads * length,
        max((layer.k_width for layer in shape.layers), default=0),
        shape.experts_used,
        shape.expert_feed_forward,
        shape.shared_feed_forward,
        shape.heads,
    )


def output_bytes(shape: ModelShape, setup: Setup) -> int:
    """The buffer of the logits that are handed out."""
    return 4 * shape.vocab * setup.parallel


def compute_bytes(shape: ModelShape, setup: Setup) -> int:
    """The work buffer on the CPU backend, without the output buffer.

    Args:
        setup: The KV type counts only with flash attention; the engine refuses a quantized V without it.
    """
    batch = min(setup.micro_batch, setup.context)
    work = _work(shape, batch, setup.parallel)
    cells = _cells(shape, setup)
    copies = 2 if setup.flash_attention else 4
    mask = batch * sum(cells) * copies
    need = work.peak_bytes + mask
    if not setup.flash_attention:
        longest = max(cells, default=0)
        scores = 4 * batch * shape.heads * longest + work.attending_bytes + mask
        if shape.kv_rank is not None:
            scores += 2 * longest * shape.kv_rank
        need = max(need, scores)
    elif setup.kv_type in QUANTIZED_KV:
        need += work.rotation_bytes - work.saved_bytes
    return int(max(need, _logits(shape, setup, batch, mask)))


def metal_extra_bytes(shape: ModelShape, setup: Setup) -> int:
    """What a Mac's GPU takes beyond `compute_bytes`: copies of K and V for flash attention, and inputs on the host.

    From the backend's source and public logs, not measured by us (engine-memory.md, 3). Without flash attention the
    inputs alone.
    """
    batch = min(setup.micro_batch, setup.context)
    w = widths_of(shape)
    cells = _cells(shape, setup)
    inputs = 8 * batch * w.e + 2 * batch * sum(cells)
    if not setup.flash_attention or not cells:
        return inputs
    widest = max((layer.k_width + layer.v_width for layer in shape.layers), default=0)
    copies = 2 * max(cells) * widest + 4096 * w.h * (shape.value_length + 2)
    attending = 4 * batch * (3 * w.e + 2 * w.q) + copies
    return inputs + max(0, attending - int(_work(shape, batch, setup.parallel).peak_bytes))


@dataclass(frozen=True, slots=True)
class _Work:
    """What a micro-batch works with, whatever the context. Whole numbers where they are whole: those are fast."""

    peak_bytes: Fraction | int
    attending_bytes: Fraction | int
    rotation_bytes: int
    saved_bytes: int


def _work(shape: ModelShape, batch: int, parallel: int) -> _Work:
    key = ("work", batch, parallel)
    found: _Work | None = shape.kept.get(key)
    if found is None:
        w = widths_of(shape)
        found = shape.kept[key] = _Work(
            _whole(4 * batch * (_peak(shape, w, batch, parallel) + _INPUTS)),
            _whole(4 * batch * (_attending(shape, w) + _INPUTS)),
            _rotation(shape),
            _saved(shape, w, batch),
        )
    return found


def _whole(number: Fraction) -> Fraction | int:
    return number.numerator if number.denominator == 1 else number


def _cells(shape: ModelShape, setup: Setup) -> list[int]:
    """Cells of each kind of cache, one slot."""
    return [window_cells(shape, setup) if slides else full_cells(setup) for slides in shape.cache_kinds]


def _peak(shape: ModelShape, w: Widths, batch: int, parallel: int) -> Fraction:
    phases: list[Fraction | int] = []
    if shape.has_dense_blocks and w.f:
        phases.append(_dense_phase(shape, w))
    if w.n:
        phases += _expert_phases(shape, w)
    if shape.kv_rank is not None:
        phases.append(w.h * (3 * shape.kv_rank + shape.rope) + w.e)
    phases += _recurrent_phases(shape, batch, parallel)
    peak = Fraction(max(phases, default=3 * w.e + w.q))
    match shape.family.quirk:
        case Quirk.GEMMA3N:
            peak += Fraction(39, 4) * w.e
        case Quirk.GEMMA4 if shape.per_layer_embedding:
            peak += shape.per_layer_embedding + w.q
        case Quirk.DEEPSTACK:
            peak += 6 * w.e - max(0, w.q - w.e)  # queries wider than a row are gone by then
        case Quirk.COHERE2:
            peak += w.e
        case Quirk.SHORT_CONV:
            peak += Fraction(max((layer.recurrent_floats for layer in shape.layers), default=0) * parallel, batch)
        case _:
            pass
    return peak


def _dense_phase(shape: ModelShape, w: Widths) -> int:
    family = shape.family
    if family.plain_mlp:
        return w.f + 3 * w.e + w.q
    if family.has_fused_blocks or family.mixer is not Mixer.ATTENTION:
        # one tensor of queries, keys and values is gone by then; most blocks of a hybrid follow a layer without any
        return 3 * w.f + 3 * w.e
    # queries as wide as two rows leave room for one of them (qwen3 0.6B)
    return 3 * w.f + (2 if w.q >= 2 * w.e else 3) * w.e + w.q


def _expert_phases(shape: ModelShape, w: Widths) -> list[Fraction | int]:
    """What experts keep at once; in hybrids part of it fits where the recurrent part was, more for narrow experts."""
    attending = 3 * w.n * w.fe + 3 * w.e + w.q
    is_narrow = w.e >= 4 * w.fe
    match shape.family.quirk:
        case Quirk.DELTA_NET:
            return [w.n * (w.e + 3 * w.fe) + 4 * w.e]
        case Quirk.MAMBA2 if shape.family.plain_mlp:
            return [2 * w.n * w.e + w.e + w.fs]
        case Quirk.MAMBA2 if is_narrow:
            return [w.n * (w.e + 3 * w.fe) + 2 * w.e + 3 * w.fs]
        case Quirk.MAMBA2:
            return [w.n * (2 * w.e + w.fe) + w.e + 3 * w.fs, attending]
        case _:
            return [w.n * (2 * w.e + w.fe) + 2 * w.e + max(w.e, 3 * w.fs), attending]


def _recurrent_phases(shape: ModelShape, batch: int, parallel: int) -> list[Fraction | int]:
    if not shape.inner or shape.family.mixer is Mixer.ATTENTION:
        return []
    channels = shape.inner + 2 * shape.groups * shape.state
    matrix = Fraction(shape.inner * shape.state * parallel, batch)
    if shape.family.quirk is Quirk.DELTA_NET:
        shifted = Fraction(6 * channels * parallel, batch)
        return [3 * channels + 3 * shape.embedding + shifted, Fraction(5, 2) * channels + 3 * matrix]
    joined = shape.inner + channels + shape.time_steps
    carried = matrix + Fraction(6 * channels * parallel, batch)
    return [joined + 2 * channels + 3 * shape.inner + shape.embedding + carried]


def _attending(shape: ModelShape, w: Widths) -> Fraction:
    """A: what lives beside the scores while a layer attends."""
    if shape.kv_rank is not None:
        return Fraction(w.h * (3 * shape.kv_rank + shape.rope) + 3 * w.e)
    floats = Fraction(3 * w.e + 2 * w.q + 2 * w.k)
    if shape.family.has_fused_blocks:
        return floats - 2 * w.q
    if shape.architecture == "olmo2":
        return floats - w.e
    match shape.family.quirk:
        case Quirk.GEMMA:
            floats += 2 * w.k
        case Quirk.GEMMA3N:
            floats = Fraction(16 * w.e)
        case Quirk.GEMMA4:
            floats += 2 * w.k + Fraction(12, 5) * shape.per_layer_embedding
        case Quirk.DELTA_NET:
            floats += w.q + w.k
        case Quirk.DEEPSTACK:
            floats += 7 * w.e
        case Quirk.COHERE2:
            floats -= 2 * w.k
        case _:
            pass
    return floats


def _rotation(shape: ModelShape) -> int:
    """The matrices that rotate K and V before they are quantized, bytes; one pair for each kind of cache."""
    if shape.kv_rank is not None:
        return 0
    lengths = {layer.windowed: layer.k_length for layer in shape.layers if layer.owns_cache}
    return sum(4 * (length**2 + 64**2) for length in lengths.values() if length in _ROTATED)


def _saved(shape: ModelShape, w: Widths, batch: int) -> int:
    """What a quantized cache takes off the peak of a dense block, bytes; negative where it adds."""
    if not shape.family.peak_is_dense or (w.n and not shape.has_dense_blocks and shape.architecture == "llama4"):
        return 0
    if w.q == w.e:
        return 4 * batch * w.e
    return -4 * batch * w.q if w.q < w.e else 0


def _logits(shape: ModelShape, setup: Setup, batch: int, mask: int) -> Fraction | int:
    """The phase that makes logits; what counts only where many tokens of a batch return them."""
    outputs = min(setup.outputs, batch)
    if outputs <= 1:
        return 0
    logits = Fraction(4 * outputs * shape.vocab + 8 * batch * shape.embedding) * Fraction(102, 100)
    match shape.family.quirk:
        case Quirk.DEEPSTACK:
            logits += 20 * batch * shape.embedding
        case Quirk.GEMMA4 if shape.per_layer_embedding:
            logits += mask + 4 * batch * shape.per_layer_embedding
        case _:
            pass
    return logits
