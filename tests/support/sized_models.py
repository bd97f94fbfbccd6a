"""What a daemon tells of models whose insides are known: true shapes, from the simulator's catalogue."""

from __future__ import annotations

from llmhub.core.models import ModelDetails, Tensor
from llmhub.simulators.catalogue import GPT_OSS_20B, LLAMA31_70B, NOMIC, QWEN3_8B, SimModel
from llmhub.simulators.shapes import Shape, architecture_keys
from support.fake_host import FakeHost

QWEN3_32B = Shape("qwen3", 64, 5120, 25600, 64, 8, 128, 151936, 40960)
"""Of the worked examples in memory-sizing.md: 18.4 GiB of weights, 2.0 of cache at 8,192 tokens."""


def details_of(model: SimModel, name: str | None = None) -> ModelDetails:
    """As the daemon would tell `model`, under any name."""
    assert model.shape is not None
    return ModelDetails(
        name or model.name,
        architecture=model.shape.architecture,
        parameter_count=model.parameter_count,
        parameter_size=model.parameter_size,
        quantization=model.quantization,
        context_trained=model.context_length,
        capabilities=frozenset(model.capabilities),
        model_info=model.model_info(),
        tensors=tuple(Tensor(name, kind, tuple(shape)) for name, kind, shape in model.tensors()),
    )


def qwen3_32b(name: str = "qwen3:32b") -> ModelDetails:
    """The one model of the sketches that the simulator does not have."""
    info = {"general.architecture": "qwen3", "general.parameter_count": 32_762_123_264}
    return ModelDetails(
        name,
        architecture="qwen3",
        parameter_size="32.8B",
        quantization="Q4_K_M",
        context_trained=40_960,
        capabilities=frozenset({"completion", "tools", "thinking"}),
        model_info=info | architecture_keys(QWEN3_32B, {}),
        tensors=tuple(Tensor(name, kind, tuple(shape)) for name, kind, shape in QWEN3_32B.tensors()),
    )


def tell_insides(host: FakeHost) -> None:
    """Let `host` tell the insides of those of its models that are known here."""
    known = {model.name: model for model in (QWEN3_8B, GPT_OSS_20B, LLAMA31_70B, NOMIC)}
    for model in host.models:
        if model.name in known:
            host.shown[model.name] = details_of(known[model.name])
    host.shown["qwen3:32b"] = qwen3_32b()
