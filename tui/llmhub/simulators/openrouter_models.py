"""The models of the simulated OpenRouter.

Real prices are those that OpenRouter's documents print and no others: the row of `openai/gpt-4`, and the prompt and
completion price of `openai/gpt-4o`. The rows of the contract examples (Claude Sonnet 4.5, Qwen3 8B, the free Llama,
DeepSeek V3.1, the router, the alias) have the examples' values, which are made up. EVERY OTHER PRICE, LENGTH AND DATE
HERE IS MADE UP, round and at a plausible order of magnitude, and the crowd that fills the list to its real length
(`openrouter_crowd.py`) is invented altogether. `hugging_face_id` is true where there is one: it joins a cloud model to
the same weights in the simulated daemon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from llmhub.simulators import openrouter_providers as by
from llmhub.simulators.openrouter_catalogue import THINKING, USUAL, SimCloudModel, SimEndpoint
from llmhub.simulators.openrouter_crowd import crowd
from llmhub.simulators.openrouter_prices import per_million, written
from llmhub.simulators.openrouter_providers import Provider
from llmhub.simulators.openrouter_script import FIREHOSE

_TEXT_IMAGE_FILE = ("text", "image", "file")
_MANY = ("text", "image", "audio", "file")
_EFFORTS = ("high", "medium", "low")
_SWITCH: Mapping[str, Any] = {"mandatory": False, "default_enabled": True, "supported_efforts": None}
_LEVELS: Mapping[str, Any] = {
    "mandatory": True,
    "default_enabled": True,
    "default_effort": "medium",
    "supported_efforts": list(_EFFORTS),
}
_ON_REQUEST: Mapping[str, Any] = {
    "mandatory": False,
    "default_enabled": False,
    "supported_efforts": list(_EFFORTS),
    "supports_max_tokens": True,
}


def prices(prompt: str, completion: str, cache_read: str | None = None, **more: str) -> dict[str, Any]:
    """A pricing object from dollars per million tokens."""
    cached = {} if cache_read is None else {"input_cache_read": per_million(cache_read)}
    others = {key: per_million(value) for key, value in more.items()}
    return {"prompt": per_million(prompt), "completion": per_million(completion), **cached, **others}


def _served(pricing: Mapping[str, Any], *providers: tuple[Provider, str | None]) -> tuple[SimEndpoint, ...]:
    """The same price everywhere."""
    return tuple(SimEndpoint(provider, pricing, quantization) for provider, quantization in providers)


def _open(
    model_id: str, name: str, weights: str, tokenizer: str, pricing: dict[str, Any],
    *providers: tuple[Provider, str | None], **more: Any,
) -> SimCloudModel:  # fmt: skip
    """Open weights that several providers serve, the later ones each a tenth dearer."""
    endpoints = [SimEndpoint(providers[0][0], pricing, providers[0][1])]
    for provider, quantization in providers[1:]:
        dearer = {key: written(Decimal(value) * Decimal("1.1")) for key, value in pricing.items()}
        endpoints.append(SimEndpoint(provider, dearer, quantization))
    return SimCloudModel(
        model_id, name, pricing, tuple(endpoints), hugging_face_id=weights, tokenizer=tokenizer, **more
    )


_GPT4 = {"prompt": "0.00003", "completion": "0.00006", "request": "0", "image": "0"}
_GPT4O = {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "0.00000125"}
_SONNET: dict[str, Any] = {
    "prompt": "0.000003",
    "completion": "0.000015",
    "web_search": "0.01",
    "input_cache_read": "0.0000003",
    "input_cache_write": "0.00000375",
    "input_cache_write_1h": "0.000006",
    "overrides": [
        {
            "min_prompt_tokens": 200000,
            "prompt": "0.000006",
            "completion": "0.0000225",
            "input_cache_read": "0.0000006",
            "input_cache_write": "0.0000075",
            "input_cache_write_1h": "0.000012",
        }
    ],
}
_QWEN3 = {"prompt": "0.00000005", "completion": "0.0000004", "input_cache_read": "0.00000005"}
_DEEPSEEK: dict[str, Any] = {
    "prompt": "0.00000028",
    "completion": "0.00000042",
    "input_cache_read": "0.000000028",
    "discount": 0.25,
    "overrides": [
        {"utc_start": 30, "utc_end": 1630, "prompt": "0.00000028", "completion": "0.00000042"},
        {"utc_start": 1630, "utc_end": 30, "prompt": "0.00000014", "completion": "0.00000021"},
    ],
}
_FREE = {"prompt": "0", "completion": "0"}

CONTRACT_MODELS: tuple[SimCloudModel, ...] = (
    SimCloudModel(
        "openai/gpt-4", "GPT-4", _GPT4,
        _served(_GPT4, (by.OPENAI, "unknown")),
        created=1692901234, context_length=8192, max_completion_tokens=4096, tokenizer="GPT", instruct_type="chatml",
        is_moderated=True, parameters=("temperature", "top_p", "max_tokens"),
    ),
    SimCloudModel(
        "openai/gpt-4o", "OpenAI: GPT-4o", _GPT4O,
        (
            SimEndpoint(by.OPENAI, _GPT4O),
            SimEndpoint(by.AZURE, _GPT4O),
            SimEndpoint(by.OPENAI, prices("4.25", "17", "2.125"), tier="priority", decode_per_s=160.0),
        ),
        created=1715558400, context_length=128000, max_completion_tokens=16384, tokenizer="GPT",
        inputs=_TEXT_IMAGE_FILE, is_moderated=True, knowledge_cutoff="2023-10-31",
    ),
    SimCloudModel(
        "anthropic/claude-sonnet-4.5", "Anthropic: Claude Sonnet 4.5", _SONNET,
        _served(_SONNET, (by.ANTHROPIC, "unknown"), (by.BEDROCK, "unknown")),
        created=1759161676, canonical_slug="anthropic/claude-4.5-sonnet-20250929", context_length=1000000,
        max_completion_tokens=64000, tokenizer="Claude", inputs=_TEXT_IMAGE_FILE, is_moderated=True,
        parameters=(*USUAL, *THINKING), reasoning=_ON_REQUEST, thoughts="signed",
    ),
    SimCloudModel(
        "qwen/qwen3-8b", "Qwen: Qwen3 8B", _QWEN3,
        (
            SimEndpoint(by.NOVITA, {"prompt": "0.000000035", "completion": "0.000000138"}, "fp8"),
            SimEndpoint(by.DEEPINFRA, _QWEN3, "bf16"),
            SimEndpoint(
                by.DEEPINFRA, {"prompt": "0.000000025", "completion": "0.0000002"}, "bf16", tier="flex",
                decode_per_s=40.0, first_token_s=2.9,
            ),
            SimEndpoint(
                by.GROQ, {"prompt": "0.00000029", "completion": "0.00000059"}, context_length=32768, status=-2
            ),
        ),
        created=1745876632, canonical_slug="qwen/qwen3-8b-04-28", hugging_face_id="Qwen/Qwen3-8B",
        context_length=40960, max_completion_tokens=8192, tokenizer="Qwen3", instruct_type="qwen3",
        parameters=(*USUAL, *THINKING, "top_k"), reasoning=_SWITCH,
        default_parameters={
            "temperature": 0.6, "top_p": 0.95, "top_k": 20, "frequency_penalty": None, "presence_penalty": None,
            "repetition_penalty": None,
        },
    ),
    SimCloudModel(
        "meta-llama/llama-3.2-3b-instruct:free", "Meta: Llama 3.2 3B Instruct (free)", _FREE,
        _served(_FREE, (by.TOGETHER, "bf16")),
        created=1727222400, canonical_slug="meta-llama/llama-3.2-3b-instruct",
        hugging_face_id="meta-llama/Llama-3.2-3B-Instruct", tokenizer="Llama3", instruct_type="llama3",
        parameters=("max_tokens", "temperature", "top_p"), expires_in_days=41,
    ),
    SimCloudModel(
        "deepseek/deepseek-chat-v3.1", "DeepSeek: DeepSeek V3.1", _DEEPSEEK,
        _served(_DEEPSEEK, (by.DEEPSEEK, "fp8"), (by.FIREWORKS, "fp8")),
        created=1755779628, hugging_face_id="deepseek-ai/DeepSeek-V3.1", tokenizer="DeepSeek",
        instruct_type="deepseek-v3.1", top_context=False,
    ),
    SimCloudModel(
        "openrouter/auto", "Auto Router", {"prompt": "-1", "completion": "-1"},
        created=1699401600, context_length=2000000, tokenizer="Router",
        inputs=("text", "image", "audio", "file", "video"), top_context=False,
        routes_to=("openai/gpt-4o", "qwen/qwen3-8b", "deepseek/deepseek-chat-v3.1"),
    ),
    SimCloudModel(
        "~anthropic/claude-sonnet-latest", "Anthropic: Claude Sonnet (latest)",
        {key: _SONNET[key] for key in ("prompt", "completion", "input_cache_read", "input_cache_write")},
        created=1776000000, context_length=1000000, max_completion_tokens=64000, tokenizer="Claude",
        inputs=_TEXT_IMAGE_FILE, is_moderated=True, alias_of="anthropic/claude-sonnet-4.5",
    ),
)  # fmt: skip
"""The eight models of the contract example of the list, in its order."""

_SAME_WEIGHTS: tuple[SimCloudModel, ...] = (
    _open(
        "meta-llama/llama-3.2-3b-instruct", "Meta: Llama 3.2 3B Instruct", "meta-llama/Llama-3.2-3B-Instruct", "Llama3",
        prices("0.02", "0.04", "0.01"), (by.DEEPINFRA, "bf16"), (by.TOGETHER, "fp16"), (by.NEBIUS, "fp8"),
    ),
    _open(
        "meta-llama/llama-3.2-1b-instruct", "Meta: Llama 3.2 1B Instruct", "meta-llama/Llama-3.2-1B-Instruct", "Llama3",
        prices("0.01", "0.02", "0.005"), (by.DEEPINFRA, "bf16"),
    ),
    _open(
        "openai/gpt-oss-20b", "OpenAI: gpt-oss-20b", "openai/gpt-oss-20b", "GPT",
        prices("0.04", "0.16", "0.02"), (by.FIREWORKS, "mxfp4"), (by.GROQ, "unknown"), (by.NOVITA, "fp4"),
        reasoning=_LEVELS, thoughts="summary", parameters=(*USUAL, *THINKING), max_completion_tokens=32768,
    ),
    _open(
        "openai/gpt-oss-120b", "OpenAI: gpt-oss-120b", "openai/gpt-oss-120b", "GPT",
        prices("0.1", "0.5", "0.05"), (by.GROQ, "unknown"), (by.TOGETHER, "mxfp4"), (by.DEEPINFRA, "fp4"),
        reasoning=_LEVELS, thoughts="summary", parameters=(*USUAL, *THINKING), max_completion_tokens=65536,
    ),
    _open(
        "google/gemma-3-4b-it", "Google: Gemma 3 4B", "google/gemma-3-4b-it", "Gemini",
        prices("0.02", "0.07", "0.01"), (by.DEEPINFRA, "bf16"), inputs=("text", "image"),
    ),
    _open(
        "qwen/qwen-2.5-7b-instruct", "Qwen: Qwen2.5 7B Instruct", "Qwen/Qwen2.5-7B-Instruct", "Qwen",
        prices("0.04", "0.1", "0.02"), (by.TOGETHER, "fp8"), (by.NEBIUS, "fp8"), context_length=32768,
    ),
    _open(
        "qwen/qwen-2.5-coder-7b-instruct", "Qwen: Qwen2.5 Coder 7B Instruct", "Qwen/Qwen2.5-Coder-7B-Instruct", "Qwen",
        prices("0.03", "0.09"), (by.NEBIUS, "fp8"), context_length=32768,
    ),
    _open(
        "deepseek/deepseek-r1-distill-llama-8b", "DeepSeek: R1 Distill Llama 8B",
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "Llama3",
        prices("0.04", "0.05", "0.02"), (by.NOVITA, "bf16"), (by.FIREWORKS, "bf16"),
        reasoning=_SWITCH, parameters=(*USUAL[:-3], *THINKING),
    ),
    _open(
        "meta-llama/llama-3.1-8b-instruct", "Meta: Llama 3.1 8B Instruct", "meta-llama/Llama-3.1-8B-Instruct", "Llama3",
        prices("0.03", "0.05", "0.015"), (by.DEEPINFRA, "bf16"), (by.GROQ, "unknown"), (by.FIREWORKS, "fp8"),
    ),
    _open(
        "meta-llama/llama-3.1-70b-instruct", "Meta: Llama 3.1 70B Instruct", "meta-llama/Llama-3.1-70B-Instruct",
        "Llama3", prices("0.4", "0.4", "0.2"), (by.DEEPINFRA, "bf16"), (by.TOGETHER, "fp8"),
    ),
    _open(
        "meta-llama/llama-3.3-70b-instruct", "Meta: Llama 3.3 70B Instruct", "meta-llama/Llama-3.3-70B-Instruct",
        "Llama3", prices("0.3", "0.5", "0.15"), (by.TOGETHER, "fp8"), (by.GROQ, "unknown"), (by.NEBIUS, "fp8"),
    ),
    _open(
        "qwen/qwen3-0.6b", "Qwen: Qwen3 0.6B", "Qwen/Qwen3-0.6B", "Qwen3",
        prices("0.01", "0.03"), (by.NOVITA, "bf16"), context_length=40960, reasoning=_SWITCH,
        parameters=(*USUAL, *THINKING),
    ),
)  # fmt: skip
"""The weights that the simulated daemon or its registry has as well."""

_MINI, _HAIKU, _FLASH = prices("0.2", "0.8", "0.1"), prices("1", "5", "0.1", input_cache_write="1.25"), prices(
    "0.3", "2.5", "0.075"
)  # fmt: skip
_PRO = {
    **prices("1.25", "10", "0.3125"),
    "overrides": [{"min_prompt_tokens": 200000, **prices("2.5", "15", "0.625")}],
}
_LARGE, _THINKER = prices("2", "6"), prices("1", "4", "0.25")
_SPLIT = {**prices("0.5", "2", "0.125", internal_reasoning="3"), "request": "0.001", "image": "0.0004"}
_OTHERS: tuple[SimCloudModel, ...] = (
    SimCloudModel(
        "openai/gpt-4o-mini", "OpenAI: GPT-4o-mini", _MINI, _served(_MINI, (by.OPENAI, None), (by.AZURE, None)),
        context_length=128000, max_completion_tokens=16384, tokenizer="GPT", inputs=_TEXT_IMAGE_FILE, is_moderated=True,
    ),
    SimCloudModel(
        "anthropic/claude-haiku-4.5", "Anthropic: Claude Haiku 4.5", _HAIKU,
        _served(_HAIKU, (by.ANTHROPIC, "unknown"), (by.BEDROCK, "unknown")),
        context_length=200000, max_completion_tokens=64000, tokenizer="Claude", inputs=_TEXT_IMAGE_FILE,
        is_moderated=True, parameters=(*USUAL, *THINKING), reasoning=_ON_REQUEST, thoughts="signed",
    ),
    SimCloudModel(
        "google/gemini-2.5-flash", "Google: Gemini 2.5 Flash", _FLASH,
        _served(_FLASH, (by.GOOGLE, None), (by.AI_STUDIO, None)),
        context_length=1048576, max_completion_tokens=65535, tokenizer="Gemini", inputs=_MANY,
        parameters=(*USUAL, *THINKING), reasoning=_ON_REQUEST,
    ),
    SimCloudModel(
        "google/gemini-2.5-pro", "Google: Gemini 2.5 Pro", _PRO, _served(_PRO, (by.GOOGLE, None), (by.AI_STUDIO, None)),
        context_length=1048576, max_completion_tokens=65536, tokenizer="Gemini", inputs=_MANY,
        parameters=(*USUAL, *THINKING), reasoning=_LEVELS,
    ),
    SimCloudModel(
        "mistralai/mistral-large", "Mistral Large", _LARGE, _served(_LARGE, (by.MISTRAL, None)), tokenizer="Mistral",
    ),
    SimCloudModel(
        "moonshotai/kimi-k2:free", "MoonshotAI: Kimi K2 (free)", _FREE, _served(_FREE, (by.CHUTES, "fp8")),
        canonical_slug="moonshotai/kimi-k2", hugging_face_id="moonshotai/Kimi-K2-Instruct", context_length=32768,
    ),
    SimCloudModel(
        "qwen/qwen3-max", "Qwen: Qwen3 Max", _THINKER, _served(_THINKER, (by.ALIBABA, None)),
        context_length=262144, max_completion_tokens=32768, tokenizer="Qwen3", reasoning=_SWITCH,
        parameters=(*USUAL, *THINKING),
    ),
    SimCloudModel(
        "sim/priced-apart", "Simulated: reasoning, requests and images priced apart", _SPLIT,
        _served(_SPLIT, (by.FIREWORKS, "fp8")), inputs=("text", "image"), reasoning=_SWITCH,
        parameters=(*USUAL, *THINKING),
    ),
    SimCloudModel("sim/nobody-serves", "Simulated: a model that nobody serves now", prices("1", "1")),
)  # fmt: skip

_FIREHOSE_PRICES = prices("0.1", "0.4", "0.05")


@lru_cache(maxsize=4)
def models(invented: int) -> tuple[SimCloudModel, ...]:
    """All models: those of the contract, the same weights as the daemon's, some others, and the invented crowd."""
    return (*CONTRACT_MODELS, *_SAME_WEIGHTS, *_OTHERS, *crowd(invented))


def firehose(rate_per_s: float, tokens: int, name: str = FIREHOSE) -> SimCloudModel:
    """A model that says `tokens` tokens of mixed Markdown at `rate_per_s`, whatever limits are asked for."""
    endpoint = SimEndpoint(
        replace(by.FIREWORKS, decode_per_s=rate_per_s, first_token_s=0.0, caches="no"), _FIREHOSE_PRICES, "fp8"
    )
    return SimCloudModel(
        name, "Simulated: firehose", _FIREHOSE_PRICES, (endpoint,), unlimited=True, extra={"firehose.tokens": tokens}
    )
