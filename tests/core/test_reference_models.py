"""A local model is compared with the same weights where they are listed, else with what the person named."""

from __future__ import annotations

import pytest

from llmhub.core.cloud import CloudListing, CloudModel
from llmhub.core.places import OLLAMA_CLOUD
from llmhub.core.profiles import Profile
from llmhub.core.reference_models import LocalModel, Reference, reference_for, references_of
from support.fake_cloud import priced_model
from support.fake_host import installed_model

LISTED: tuple[CloudModel, ...] = (
    priced_model("meta-llama/llama-3.1-8b-instruct", hugging_face_id="meta-llama/Meta-Llama-3.1-8B-Instruct"),
    priced_model("meta-llama/llama-3.1-8b-instruct:free", "0", "0"),
    priced_model("meta-llama/llama-3-8b-instruct", hugging_face_id="meta-llama/Meta-Llama-3-8B-Instruct"),
    priced_model(
        "meta-llama/llama-3.2-11b-vision-instruct", hugging_face_id="meta-llama/Llama-3.2-11B-Vision-Instruct"
    ),
    priced_model("qwen/qwen3-8b", hugging_face_id="Qwen/Qwen3-8B"),
    priced_model("qwen/qwen3-8b:free", "0", "0", hugging_face_id="Qwen/Qwen3-8B"),
    priced_model("qwen/qwen3-235b-a22b", hugging_face_id="Qwen/Qwen3-235B-A22B"),
    priced_model("qwen/qwen-2.5-coder-32b-instruct", hugging_face_id="Qwen/Qwen2.5-Coder-32B-Instruct"),
    priced_model("openai/gpt-oss-20b", hugging_face_id="openai/gpt-oss-20b"),
    priced_model("openai/gpt-oss-120b", hugging_face_id="openai/gpt-oss-120b"),
    priced_model("google/gemma-3-27b-it", hugging_face_id="google/gemma-3-27b-it"),
    priced_model("microsoft/phi-4", hugging_face_id="microsoft/phi-4"),
    priced_model("mistralai/mistral-nemo", hugging_face_id="mistralai/Mistral-Nemo-Instruct-2407"),
    priced_model("mistralai/mixtral-8x7b-instruct", hugging_face_id="mistralai/Mixtral-8x7B-Instruct-v0.1"),
    priced_model("deepseek/deepseek-r1", hugging_face_id="deepseek-ai/DeepSeek-R1"),
    priced_model("deepseek/deepseek-r1-distill-qwen-32b", hugging_face_id="deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"),
    priced_model("openai/gpt-4o", "0.0000025", "0.00001"),
    priced_model("openrouter/auto", "-1", "-1"),
)
LISTING = CloudListing(LISTED)


@pytest.mark.parametrize(
    ("local", "cloud"),
    [
        ("llama3.1:8b", "meta-llama/llama-3.1-8b-instruct"),
        ("llama3.1:8b-instruct-q4_K_M", "meta-llama/llama-3.1-8b-instruct"),
        ("llama3.1", "meta-llama/llama-3.1-8b-instruct"),
        ("hf.co/bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M", "meta-llama/llama-3.1-8b-instruct"),
        ("llama3.2-vision:11b", "meta-llama/llama-3.2-11b-vision-instruct"),
        ("qwen3:8b", "qwen/qwen3-8b"),
        ("hf.co/Qwen/Qwen3-8B-GGUF:Q8_0", "qwen/qwen3-8b"),
        ("qwen3:235b", "qwen/qwen3-235b-a22b"),
        ("qwen2.5-coder:32b", "qwen/qwen-2.5-coder-32b-instruct"),
        ("gpt-oss:120b", "openai/gpt-oss-120b"),
        ("gpt-oss:20b", "openai/gpt-oss-20b"),
        ("gemma3:27b-it-qat", "google/gemma-3-27b-it"),
        ("phi4:14b", "microsoft/phi-4"),
        ("mistral-nemo:12b", "mistralai/mistral-nemo"),
        ("mixtral:8x7b", "mistralai/mixtral-8x7b-instruct"),
        ("deepseek-r1:32b", "deepseek/deepseek-r1-distill-qwen-32b"),
    ],
)
def test_the_same_weights_are_found_by_name(local: str, cloud: str) -> None:
    assert reference_for(local, LISTING, Profile()) == Reference(cloud, same_weights=True)


@pytest.mark.parametrize(
    "local",
    [
        "llama3.1:70b",
        "llama3.1:8b-text-q4_0",
        "qwen3:4b",
        "deepseek-r1:8b",
        "gpt-4o",
        "my-model",
        "somebody/qwen3:8b",
        "hf.co/somebody/Llama-3.1-8B-Instruct-abliterated-GGUF:Q4_K_M",
        "qwen2.5:32b",
        "not a name at all",
    ],
)
def test_other_weights_are_never_taken_for_the_same(local: str) -> None:
    assert reference_for(local, LISTING, Profile()) is None


def test_latest_is_believed_only_when_the_daemon_reports_about_that_size() -> None:
    assert reference_for(LocalModel("qwen3:latest", parameter_size="8.2B"), LISTING, Profile()) is not None
    assert reference_for(LocalModel("qwen3:latest", parameter_size="32.8B"), LISTING, Profile()) is None


def test_another_name_of_the_same_digest_tells_the_weights() -> None:
    models = (installed_model("qwen3:8b", digest="d1"), installed_model("mine:latest", digest="d1"))

    found = reference_for(LocalModel.of("mine", models), LISTING, Profile())

    assert found == Reference("qwen/qwen3-8b", same_weights=True)


def test_a_free_variant_a_router_and_an_alias_are_never_the_default() -> None:
    only = CloudListing((priced_model("qwen/qwen3-8b:free", "0", "0", hugging_face_id="Qwen/Qwen3-8B"), LISTED[-1]))

    assert reference_for("qwen3:8b", only, Profile()) is None
    assert reference_for("qwen3:8b", CloudListing(), Profile()) is None


def test_what_the_person_named_comes_first_whether_it_is_listed_or_not() -> None:
    named = Profile.from_config(
        {
            "reference_model": {
                "qwen3:8b": "openai/gpt-4o",
                "gemma3:4b": "gone/model",
                "llama3.1:8b": "meta-llama/llama-3.1-8b-instruct",
                "phi4": "qwen/qwen3-8b:free",
            }
        }
    )

    assert reference_for("qwen3:8b", LISTING, named) == Reference("openai/gpt-4o", same_weights=False, declared=True)
    assert reference_for("gemma3:4b", LISTING, named) == Reference("gone/model", same_weights=False, declared=True)
    assert reference_for("llama3.1:8b", LISTING, named) == Reference(
        "meta-llama/llama-3.1-8b-instruct", same_weights=True, declared=True
    )
    free = reference_for("phi4:latest", LISTING, named)
    assert free is not None
    assert free.is_free_variant


def test_the_references_of_what_is_installed_leave_out_what_runs_elsewhere() -> None:
    models = (
        installed_model("qwen3:8b"),
        installed_model("mine:latest"),
        installed_model("gpt-oss:120b-cloud", place=OLLAMA_CLOUD),
    )

    assert references_of(models, LISTING, Profile()) == {"qwen3:8b": Reference("qwen/qwen3-8b", same_weights=True)}
