"""What llmhub predicts, beside what a real llama.cpp allocates for the same file and setup.

In the server, as Ollama runs it: one output a batch (`Setup.outputs` is 1), the file read in and not mapped.
"""

from __future__ import annotations

import pytest

from engine.comparing import ALLOWED_PERCENT, Comparison, printed
from engine.drifts import drifts_of
from engine.engine_models import MODELS
from engine.real_engine import RealEngine
from llmhub.core.gguf.facts import facts_of_header
from llmhub.core.gguf.header import Header, read_header
from llmhub.core.memory import Placement
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.need import need_of
from llmhub.core.sizing.shapes import shape_of
from llmhub.core.sizing.weights import weights_of

pytestmark = pytest.mark.engine

MOST_HEADER_BYTES = 2**20
SETUPS = [Setup(context, kv_type) for context in (4096, 16384) for kv_type in ("f16", "q8_0")]
TWO_SLOTS = Setup(4096, parallel=2)
NO_FLASH = Setup(4096, flash_attention=False)
ROWS = [
    *((model, setup) for model in MODELS for setup in SETUPS),
    *((model, TWO_SLOTS) for model in MODELS),
    ("llama", NO_FLASH),
    ("gemma3", NO_FLASH),
]


def said(value: object) -> str:
    if not isinstance(value, Setup):
        return str(value)
    slots = f"-{value.parallel}-slots" if value.parallel > 1 else ""
    return f"{value.context}-{value.kv_type}{slots}{'' if value.flash_attention else '-no-flash'}"


every_row = pytest.mark.parametrize(("model", "setup"), ROWS, ids=said)


def compared(engine: RealEngine, model: str, setup: Setup) -> Comparison:
    taken = engine.load(model, setup)
    file = engine.file(model)
    header = read_header(file.read_bytes()[:MOST_HEADER_BYTES], with_tensors=True, file_bytes=file.stat().st_size)
    assert isinstance(header, Header)
    facts = facts_of_header(header, None, "a file made for the test")
    weights = weights_of(facts)
    assert weights is not None
    need = need_of(shape_of(facts), weights, setup, Placement.CPU)
    return Comparison(engine.version, model, setup, need, taken, drifts_of(engine.build, model, setup))


@every_row
def test_the_caches_and_the_recurrent_state_are_as_large_as_predicted(
    engine: RealEngine, model: str, setup: Setup
) -> None:
    row = compared(engine, model, setup)

    full = row.need.kv_bytes if row.need.full_attention_bytes is None else row.need.full_attention_bytes
    sliding = row.need.kv_bytes - full
    assert row.taken.caches == ((printed(full), printed(sliding)) if sliding else (printed(full),))
    assert row.taken.recurrent == (printed(row.need.recurrent_bytes) if row.need.recurrent_bytes else None)
    assert row.taken.weights == printed(row.need.weights_bytes)
    assert row.taken.cache_types == {setup.kv_type}


@every_row
def test_the_total_is_within_a_percent_or_a_drift_with_a_name_accounts_for_it(
    engine: RealEngine, comparisons: dict[str, Comparison], model: str, setup: Setup
) -> None:
    row = compared(engine, model, setup)
    comparisons[row.name] = row

    assert (row.taken.outputs, row.taken.micro_batch) == (setup.outputs * setup.parallel, setup.micro_batch)
    assert abs(row.unexplained_percent) <= ALLOWED_PERCENT, (
        f"{row.name}: xllamacpp {row.version} takes {row.taken.total} MiB, {row.unexplained_percent:+.2f} % beside the "
        f"prediction and its known drifts ({', '.join(row.drifts) or 'none'}); taken less predicted, MiB: {row.parts}"
    )


@every_row
def test_the_work_buffers_alone_are_within_a_percent_with_the_drifts_that_have_a_name(
    engine: RealEngine, model: str, setup: Setup
) -> None:
    row = compared(engine, model, setup)

    expected = printed(row.need.compute_bytes + sum(row.drifts.values()))
    assert float(row.taken.compute + row.taken.output) == pytest.approx(float(expected), rel=ALLOWED_PERCENT / 100)
