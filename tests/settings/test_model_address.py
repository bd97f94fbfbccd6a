"""Names of models as a person types them."""

from __future__ import annotations

import pytest

from llmhub.core.model_address import AddressError, ModelAddress, model_address


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("qwen3:8b", "qwen3:8b"),
        ("ollama:qwen3:8b", "qwen3:8b"),
        ("OLLAMA:qwen3", "qwen3"),
        ("qwen3", "qwen3"),
        ("hf.co/user/repo:Q4_K_M", "hf.co/user/repo:Q4_K_M"),
        ("ollama:hf.co/user/repo:Q4_K_M", "hf.co/user/repo:Q4_K_M"),
        ("host:5000/ns/model:tag", "host:5000/ns/model:tag"),
        ("gpt-oss:120b:cloud", "gpt-oss:120b:cloud"),
        ("gpt-oss:120b-cloud", "gpt-oss:120b-cloud"),
        (" me/mine ", "me/mine"),
    ],
)
def test_a_name_is_ollamas_unless_it_says_otherwise(text: str, model: str) -> None:
    assert model_address(text) == ModelAddress("ollama", model)


def test_a_backend_that_is_set_up_is_found_by_its_prefix() -> None:
    address = model_address("openrouter:openai/gpt-4o", ("ollama", "openrouter"))

    assert address == ModelAddress("openrouter", "openai/gpt-4o")
    assert str(address) == "openrouter:openai/gpt-4o"


@pytest.mark.parametrize(
    ("text", "happened", "remedy"),
    [
        ("openrouter:openai/gpt-4o", "openrouter is not set up here", "use one of: ollama:"),
        ("openruter:openai/gpt-4o", "There is no backend called openruter", "openrouter:openai/gpt-4o"),
        ("olama:qwen3:8b", "There is no backend called olama", "ollama:qwen3:8b"),
        ("zzz:a/b", "There is no backend called zzz", "write ollama:NAME"),
        ("ollama:", "The model's name is missing", "ollama:qwen3:8b"),
        ("  ", "The model's name is empty", "llmhub models"),
    ],
)
def test_a_slip_in_the_backend_is_told_with_what_was_meant(text: str, happened: str, remedy: str) -> None:
    with pytest.raises(AddressError) as caught:
        model_address(text)

    assert caught.value.happened == happened
    assert remedy in caught.value.remedy
