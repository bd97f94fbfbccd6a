"""The quant ladder: every quantization of a model against the same memory and context.

State and work buffer do not depend on the quantization of the weights, so one sizing serves all rungs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmhub.core.catalog import Variant
from llmhub.core.memory import MemoryState
from llmhub.core.sizing.need import Need
from llmhub.core.sizing.report import LadderRow
from llmhub.core.sizing.shapes import ModelShape
from llmhub.core.sizing.speed import estimate
from llmhub.core.sizing.speeds import NO_SPEED, Chip, Speed
from llmhub.core.sizing.verdicts import Holder, judge
from llmhub.core.sizing.weights import Weights

DEFAULT_QUANTIZATION = "Q4_K_M"
_COLUMNS = ("small", "dense_8b", "dense_70b", "gemma", "experts")
_BITS = {
    "F16": (16.001, 16.0, 16.0, 16.001, 16.007),
    "BF16": (16.001, 16.0, 16.0, 16.001, 16.007),
    "Q8_0": (8.501, 8.501, 8.5, 8.501, 8.51),
    "Q6_K": (6.564, 6.563, 6.563, 6.564, 6.573),
    "Q5_K_M": (5.85, 5.704, 5.663, 5.706, 5.691),
    "Q5_K_S": (5.727, 5.57, 5.516, 5.557, 5.522),
    "Q5_1": (6.121, 6.038, 6.009, 6.031, 6.017),
    "Q5_0": (5.727, 5.57, 5.516, 5.557, 5.522),
    "Q4_1": (5.334, 5.103, 5.024, 5.083, 5.027),
    "Q4_K_M": (5.178, 4.894, 4.82, 4.899, 4.861),
    "IQ4_NL": (4.981, 4.682, 4.574, 4.639, 4.574),
    "Q4_K_S": (4.97, 4.667, 4.574, 4.641, 4.572),
    "Q4_0": (4.94, 4.636, 4.531, 4.609, 4.532),
    "IQ4_XS": (4.794, 4.46, 4.338, 4.41, 4.337),
    "Q3_K_L": (4.691, 4.298, 4.21, 4.306, 4.165),
    "Q3_K_M": (4.421, 3.996, 3.885, 3.978, 3.853),
    "IQ3_M": (4.204, 3.763, 3.62, 3.714, 3.539),
    "Q3_K_S": (4.103, 3.643, 3.504, 3.602, 3.481),
    "IQ3_XS": (3.97, 3.498, 3.322, 3.445, 3.3),
    "IQ3_XXS": (3.698, 3.374, 3.249, 3.313, 3.264),
    "Q2_K": (3.71, 3.159, 2.99, 3.109, 2.948),
    "IQ2_M": (3.286, 2.929, 2.734, 2.81, 2.663),
    "IQ2_XS": (3.03, 2.588, 2.396, 2.498, 2.377),
    "IQ2_XXS": (2.843, 2.382, 2.164, 2.274, 2.142),
    "IQ1_M": (2.627, 2.146, 1.899, 2.011, 1.853),
    "IQ1_S": (2.497, 2.004, 1.739, 1.853, 1.68),
}
"""Bits a weight of whole files, by kind of model (memory-sizing.md, c2): good for a guess of about 3 %."""
BITS_A_WEIGHT = {name: bits[_COLUMNS.index("dense_8b")] for name, bits in _BITS.items()}
"""Of a dense model of middle size, for saying which mixes are near each other."""
USUAL_QUANTIZATIONS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_K_S", "Q3_K_M", "Q2_K")


@dataclass(frozen=True, slots=True)
class Rung:
    """What one quantization is made of before it is judged."""

    quantization: str
    name: str | None
    file_bytes: int | None
    is_exact: bool
    is_chosen: bool = False


def guessed_bytes(shape: ModelShape, quantization: str) -> int | None:
    """Bytes of a file in that quantization by its mix, about 3 % off; `None` for a mix that is not in the table."""
    bits = _BITS.get(quantization.upper())
    if bits is None or not shape.parameters:
        return None
    return round(shape.parameters * bits[_COLUMNS.index(_kind(shape))] / 8)


def _kind(shape: ModelShape) -> str:
    if shape.experts:
        return "experts"
    if shape.architecture.startswith("gemma"):
        return "gemma"
    billions = (shape.parameters or 0) / 1e9
    return "small" if billions < 4 else "dense_8b" if billions < 20 else "dense_70b"


def rungs_of(
    shape: ModelShape, variants: Sequence[Variant], *, chosen: str | None, chosen_bytes: int | None
) -> tuple[Rung, ...]:
    """The rungs of a ladder, the largest first: what is offered, else the usual quantizations by their mix."""
    found = {
        variant.quantization.upper(): Rung(
            variant.quantization,
            variant.name,
            variant.file_bytes if variant.file_bytes is not None else guessed_bytes(shape, variant.quantization),
            variant.is_exact and variant.file_bytes is not None,
        )
        for variant in variants
    }
    if not found:
        found = {name: Rung(name, None, guessed_bytes(shape, name), False) for name in USUAL_QUANTIZATIONS}
    if chosen is not None:
        known = found.get(chosen.upper())
        found[chosen.upper()] = Rung(
            chosen,
            known.name if known else None,
            chosen_bytes if chosen_bytes is not None else known.file_bytes if known else None,
            chosen_bytes is not None,
            is_chosen=True,
        )
    return tuple(sorted(found.values(), key=lambda rung: -(rung.file_bytes or 0)))


def ladder_of(
    rungs: Sequence[Rung],
    shape: ModelShape,
    weights: Weights,
    need: Need,
    memory: MemoryState | None,
    *,
    context_bytes: int,
    chip: Chip | None = None,
    holders: Sequence[Holder] = (),
    own_bytes: int = 0,
    chosen_speed: Speed = NO_SPEED,
) -> tuple[LadderRow, ...]:
    """Judge every rung.

    Args:
        need: Of the model as it is chosen; its state and work buffer are those of every rung.
        context_bytes: State that is read for every token.
        chosen_speed: Of the chosen rung, which may be measured.
    """
    default = default_rung(rungs)
    rows = []
    for rung in rungs:
        scaled = weights_at(weights, rung.file_bytes)
        if rung.is_chosen:
            rung_need: Need | None = need
        elif scaled is None:
            rung_need = None
        else:
            resident = scaled.resident_bytes(shape, memory.placement) if memory else scaled.text_bytes
            rung_need = replace(need, weights_bytes=resident, estimated=need.estimated or not rung.is_exact)
        verdict = judge(
            rung_need,
            memory,
            holders,
            own_bytes=own_bytes,
            why_unknown="its size is not known" if rung_need is None else "",
        )
        speed = chosen_speed if rung.is_chosen else NO_SPEED
        if not rung.is_chosen and scaled is not None and chip is not None:
            speed = estimate(shape, scaled, context_bytes, chip, verdict)
        rows.append(
            LadderRow(
                rung.quantization,
                rung.name,
                rung.file_bytes,
                rung.is_exact,
                rung_need.total_bytes if rung_need else None,
                verdict,
                speed,
                is_default=rung is default,
                is_chosen=rung.is_chosen,
            )
        )
    return tuple(rows)


def default_rung(rungs: Sequence[Rung]) -> Rung | None:
    """Q4_K_M, or the one nearest in bytes where nobody offers it."""
    for rung in rungs:
        if rung.quantization.upper() == DEFAULT_QUANTIZATION:
            return rung
    order = list(_BITS)
    at = order.index(DEFAULT_QUANTIZATION)
    known = [rung for rung in rungs if rung.quantization.upper() in _BITS]
    if known:
        return min(known, key=lambda rung: abs(order.index(rung.quantization.upper()) - at))
    return rungs[-1] if rungs else None


def weights_at(weights: Weights, file_bytes: int | None) -> Weights | None:
    """The same model's weights in a file of that size: every group grows alike."""
    if file_bytes is None or weights.text_bytes <= 0:
        return None
    if file_bytes == weights.text_bytes:
        return weights
    share = (file_bytes, weights.text_bytes)
    return Weights(
        file_bytes,
        None if weights.embedding_bytes is None else weights.embedding_bytes * share[0] // share[1],
        weights.expert_bytes * share[0] // share[1],
        weights.projector_bytes,
        weights.is_tied,
        is_exact=False,
    )
