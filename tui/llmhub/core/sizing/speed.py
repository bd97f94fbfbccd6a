"""How fast a model decodes, from what it reads for every token (memory-sizing.md, part e)."""

from __future__ import annotations

from llmhub.core.memory import Placement
from llmhub.core.sizing.shapes import ModelShape
from llmhub.core.sizing.speeds import NO_SPEED, Chip, Speed, SpeedBasis
from llmhub.core.sizing.verdicts import Verdict, VerdictKind
from llmhub.core.sizing.weights import Weights

CPU_BANDWIDTH_GBS = 60.0
"""What the processor of an unknown PC reaches, for the few layers that may lie on it."""
MOST_ON_CPU = 0.1
"""Share of the weights on the CPU above which real machines are 25 to 60 % slower than the sum says: no figure then."""
_KNOWN_RANGE = (0.75, 1.10)
_GUESSED_RANGE = (0.50, 1.20)

NO_BANDWIDTH = Speed(
    None, None, None, None, None, "not known: the memory bandwidth of this processor cannot be read; measure it"
)
"""For a computer without a card, and for a chip that is not in the table."""


NO_DECODING = Speed(None, None, None, None, None, "it embeds and decodes nothing")


def decode_speed(
    read_bytes: int, state_bytes: int, layers: int, expert_layers: int, chip: Chip, *, cpu_share: float = 0.0
) -> Speed:
    """Tokens a second, one at a time.

    Args:
        read_bytes: Weights touched for every token.
        state_bytes: KV cache and recurrent state in use.
        expert_layers: Layers among `layers` that choose experts.
        cpu_share: Share of the weights that lies on the CPU.
    """
    if read_bytes <= 0 or chip.bandwidth_gbs <= 0:
        return NO_SPEED
    bandwidth = chip.bandwidth_gbs * 1e9
    ceiling = bandwidth / read_bytes
    if cpu_share > MOST_ON_CPU:
        words = f"{cpu_share:.0%} of the weights would be on the CPU: far slower than on {chip.name}, no figure holds"
        return Speed(None, None, None, ceiling, SpeedBasis.BANDWIDTH, words)
    fitted = chip.speed_class
    on_cpu = read_bytes * max(0.0, cpu_share)
    seconds = (read_bytes - on_cpu + max(0, state_bytes)) / (bandwidth * fitted.eta)
    seconds += on_cpu / (CPU_BANDWIDTH_GBS * 1e9)
    seconds += (layers * fitted.layer_ms + expert_layers * fitted.expert_layer_ms) / 1000
    per_s = min(1 / seconds, ceiling)
    low, high = _GUESSED_RANGE if fitted.is_guess else _KNOWN_RANGE
    return Speed(per_s, per_s * low, min(per_s * high, ceiling), ceiling, SpeedBasis.BANDWIDTH, _words(chip, cpu_share))


def estimate(
    shape: ModelShape | None, weights: Weights | None, state_bytes: int, chip: Chip | None, verdict: Verdict | None
) -> Speed:
    """The speed of a sized model where it is going to lie.

    Args:
        state_bytes: State in use at the context.
        chip: What the model runs on; `None` where its bandwidth is not known.
        verdict: Tells how much of the model would lie on the CPU; `None` when it all fits.
    """
    if chip is None:
        return NO_BANDWIDTH
    if shape is None or weights is None:
        return NO_SPEED
    if shape.family.is_encoder:
        return NO_DECODING
    read = weights.read_bytes(shape)
    layers = len(shape.layers)
    if verdict is not None and verdict.kind is VerdictKind.DOES_NOT_FIT:
        ceiling = chip.bandwidth_gbs * 1e9 / read if read > 0 and chip.bandwidth_gbs > 0 else None
        words = f"does not fit; the ceiling is what {chip.name} could do if it did"
        return Speed(None, None, None, ceiling, SpeedBasis.BANDWIDTH if ceiling else None, words)
    return decode_speed(read, state_bytes, layers, layers if shape.experts else 0, chip, cpu_share=cpu_share(verdict))


def cpu_share(verdict: Verdict | None) -> float:
    """Share of the weights that the engine would leave to the CPU of a computer with a card."""
    if verdict is None or verdict.kind not in {VerdictKind.TIGHT, VerdictKind.PARTIAL}:
        return 0.0
    need, memory = verdict.need, verdict.memory
    if need is None or memory is None or memory.placement is not Placement.CARD or need.weights_bytes <= 0:
        return 0.0
    # the engine keeps the reserve free and moves whole layers, so at least this much goes
    over = need.total_bytes + verdict.reserve_bytes - memory.capacity_bytes
    return min(1.0, max(0, over) / need.weights_bytes)


def measured(per_s: float, words: str) -> Speed:
    """What was seen on this machine with this model; it replaces every estimate.

    Args:
        words: Where it is from: `median of 12 turns`.
    """
    return Speed(per_s, None, None, None, SpeedBasis.MEASURED, words)


def _words(chip: Chip, cpu_share: float) -> str:
    words = f"from the memory bandwidth of {chip.name}"
    if chip.speed_class.is_guess:
        words += ", of a kind nobody measured for us"
    if chip.note:
        words += f" ({chip.note})"
    if cpu_share > 0:
        words += f", {cpu_share:.0%} of the weights on the CPU"
    return words + "; not measured here yet"
