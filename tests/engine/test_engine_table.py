"""Reading the engine's log, the row made of it, and the files: all that needs no engine."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.comparing import Comparison
from engine.drifts import drifts_of
from engine.engine_log import EngineMemory, read
from engine.engine_models import MODELS
from llmhub.core.sizing.facts import Setup
from llmhub.core.sizing.need import Need
from support.gguf_files import file_bytes

MIB = 2**20
LOG = """\
0.00.008.402 I load_tensors:          CPU model buffer size =    46.14 MiB
0.00.008.593 I llama_context: n_ubatch              = 512
0.00.008.593 I llama_context: n_outputs_max         = 1
0.00.008.601 I llama_context:        CPU  output buffer size =     0.01 MiB
0.00.008.719 I llama_kv_cache:        CPU KV buffer size =     4.25 MiB
0.00.014.580 I llama_kv_cache: size =    4.25 MiB (  4096 cells,   4 layers,  1/1 seqs), K (q8_0):    2.12 MiB, V (q8_0):    2.12 MiB
0.00.014.719 I llama_kv_cache:        CPU KV buffer size =     5.84 MiB
0.00.015.580 I llama_kv_cache: size =    5.84 MiB (  1024 cells,  22 layers,  1/1 seqs), K (q8_0):    2.92 MiB, V (q8_0):    2.92 MiB
0.00.015.590 I llama_memory_recurrent:        CPU RS buffer size =     0.03 MiB
0.00.015.692 I sched_reserve:        CPU compute buffer size =    17.31 MiB
"""  # noqa: E501
"""Lines of xllamacpp 2026.10.11549, of two loads put together."""
READ = EngineMemory(
    weights=Decimal("46.14"),
    caches=(Decimal("4.25"), Decimal("5.84")),
    recurrent=Decimal("0.03"),
    compute=Decimal("17.31"),
    output=Decimal("0.01"),
    cache_types=frozenset({"q8_0"}),
    outputs=1,
    micro_batch=512,
)


def test_the_log_tells_every_buffer() -> None:
    assert read(LOG) == READ
    assert READ.total == Decimal("73.58")


def test_a_log_that_leaves_a_buffer_out_is_refused_with_its_end() -> None:
    without = "\n".join(line for line in LOG.splitlines() if "compute" not in line)

    with pytest.raises(ValueError, match=r"does not tell compute; it ends:\n(.|\n)*RS buffer size"):
        read(without)


def row(model: str, weights_mib: float) -> Comparison:
    need = Need(int(weights_mib * MIB), int(10.09 * MIB), int(0.03 * MIB), int(17.32 * MIB))
    setup = Setup(4096, "q8_0")
    return Comparison("2026.10.11549", model, setup, need, READ, drifts_of(11549, model, setup))


def test_a_row_within_a_percent_names_no_drift() -> None:
    assert row("llama", 45.72).line.endswith("predicted   73.16 MiB  taken   73.58 MiB  +0.57 %")


def test_a_row_further_off_names_what_is_known_of_it() -> None:
    known, unknown = row("llama", 44.64), row("gpt-oss", 44.64)

    assert known.line.endswith("+2.04 %  drift: inp_mixed_embd")
    assert known.unexplained_percent == pytest.approx(0, abs=0.02)
    assert unknown.line.endswith("+2.04 %  drift: unknown")
    assert unknown.unexplained_percent == pytest.approx(2.04, abs=0.01)
    assert unknown.parts == "weights +1.50, caches +0.00, recurrent state +0.00, work buffers +0.00"


def test_builds_before_a_drift_do_not_have_it() -> None:
    assert drifts_of(11063, "llama", Setup(4096)) == {}


@pytest.mark.parametrize("model", MODELS)
def test_a_file_for_the_engine_is_smaller_than_fifty_megabytes(model: str) -> None:
    assert 10**7 < file_bytes(MODELS[model]()) < 5 * 10**7
