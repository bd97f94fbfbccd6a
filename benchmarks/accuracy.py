"""How far the predicted needs are from what real engines said: error tables, model by model.

    python -m benchmarks.accuracy

Two measurements: rows of llama.cpp itself (total, and state to the byte), and sizes that a daemon reported in
`/api/ps`, with its own mistake for models of two caches taken out. Errors are ours less theirs, in percent of the
whole.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from llmhub.core.memory import Placement
from llmhub.core.sizing.facts import ModelFacts, Setup
from llmhub.core.sizing.need import Need, need_of
from llmhub.core.sizing.shapes import ModelShape, shape_of
from llmhub.core.sizing.weights import Weights

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
TOTAL_LOW, TOTAL_HIGH, REPORTED = -1.0, 3.0, 0.1
"""Percent: what a total may be off by, and a reported size."""


def main() -> int:
    """Print both tables; 1 when a row is outside what is promised."""
    truth = json.loads((DATA / "engine-truth-public.json").read_text("utf-8"))
    shapes = {name: shape_of(ModelFacts(model["model_info"])) for name, model in truth["models"].items()}
    outside = engine_table(truth, shapes)
    outside += daemon_table(truth, shapes)
    print(f"\n{outside} rows outside of what is promised" if outside else "\nevery row within what is promised")
    return 1 if outside else 0


def engine_table(truth: dict[str, Any], shapes: dict[str, ModelShape]) -> int:
    """Against llama.cpp: rows outside of the promise."""
    errors: dict[str, list[float]] = defaultdict(list)
    served: dict[str, list[float]] = defaultdict(list)
    states: dict[str, int] = defaultdict(int)
    for row in truth["rows"]:
        if row["status"] != "ok":
            continue
        model = row["model"]
        need = _need(shapes[model], row["weights_bytes"], _setup(row))
        error = (need.total_bytes / row["total_bytes"] - 1) * 100
        errors[model].append(error)
        if row["flash_attn"] and row["n_outputs_max"] == row["n_seq_max"]:
            served[model].append(error)
        states[model] += need.state_bytes != row["kv_bytes"]
    print(f"{truth['engine']}: total of weights, state, work buffer and output")
    heads = f"{'model':24} {'rows':>5} {'state wrong':>11} {'lowest':>8} {'median':>8} {'highest':>8}"
    print(f"{heads} {'as Ollama runs it':>18}")
    for model, found in errors.items():
        as_served = f"{min(served[model]):+.3f} {max(served[model]):+.3f}"
        line = (
            f"{model:24} {len(found):5} {states[model]:11} {min(found):+8.3f} {median(found):+8.3f} {max(found):+8.3f}"
        )
        print(f"{line} {as_served:>18}")
    every = [error for found in errors.values() for error in found]
    spread = f"{min(every):+8.3f} {median(every):+8.3f} {max(every):+8.3f}"
    print(f"{'all':24} {len(every):5} {sum(states.values()):11} {spread}")
    return sum(states.values()) + sum(not TOTAL_LOW <= error <= TOTAL_HIGH for error in every)


def daemon_table(truth: dict[str, Any], shapes: dict[str, ModelShape]) -> int:
    """Against a daemon's `/api/ps`: rows outside of the promise."""
    sizes = json.loads((DATA / "recorded/ollama-0.32.15/ps-sizes.json").read_text("utf-8"))
    print(f"\n{sizes['daemon'].split(';')[0]}: size in /api/ps, the cache that it leaves out taken out")
    heads = f"{'model':24} {'context':>8} {'KV':>5} {'slots':>5} {'reported':>15} {'predicted':>15}"
    print(f"{heads} {'error':>8} {'left out':>14}")
    outside = 0
    for row in sizes["rows"]:
        setup = Setup(row["context"], row["kv"], row["parallel"], None, row["flash_attention"])
        weights = truth["models"][row["model"]]["file_tensor_bytes"][row["quant"]]
        need = _need(shapes[row["model"]], weights, setup)
        left_out = need.full_attention_bytes or 0
        predicted = need.total_bytes - left_out
        error = (predicted / row["size"] - 1) * 100
        outside += abs(error) > REPORTED
        line = f"{row['model']:24} {row['context']:8,} {row['kv']:>5} {row['parallel']:5} {row['size']:15,}"
        print(f"{line} {predicted:15,} {error:+8.4f} {left_out:14,}")
    return outside


def _need(shape: ModelShape, weights_bytes: int, setup: Setup) -> Need:
    return need_of(shape, Weights(weights_bytes), setup, Placement.UNIFIED)


def _setup(row: dict[str, Any]) -> Setup:
    return Setup(
        row["ctx"],
        row["kv_type"],
        row["n_seq_max"],
        row["n_ubatch"],
        row["flash_attn"],
        outputs=row["n_outputs_max"],
        full_window_cache=row["swa_full"],
    )


if __name__ == "__main__":
    raise SystemExit(main())
