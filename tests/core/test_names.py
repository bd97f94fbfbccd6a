"""Names of models, as Ollama reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.names import ModelName, name_key, says_cloud


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("qwen3", ModelName("qwen3")),
        ("qwen3:8b", ModelName("qwen3", "8b")),
        ("user/model", ModelName("model", namespace="user")),
        ("user/model:tag", ModelName("model", "tag", "user")),
        ("hf.co/bartowski/Q.1-GGUF:Q4_K_M", ModelName("Q.1-GGUF", "Q4_K_M", "bartowski", "hf.co")),
        ("host:5000/ns/model:tag", ModelName("model", "tag", "ns", "host:5000")),
        ("host:5000/ns/model", ModelName("model", "latest", "ns", "host:5000")),
        ("https://host/ns/model", ModelName("model", "latest", "ns", "host")),
        (" llama3.2 ", ModelName("llama3.2")),
        ("_x", ModelName("_x")),
    ],
)
def test_a_name_is_read_with_its_defaults(text: str, name: ModelName) -> None:
    assert ModelName.parse(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a:",
        "/a",
        "a b",
        "-a",
        ".a",
        "a//b",
        "no spaces allowed!!",
        "n.s/m",
        "a:b/c:",
        "m" * 81,
        "m:" + "t" * 81,
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="name cannot be"):
        ModelName.parse(text)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("qwen3", "qwen3:latest"),
        ("library/qwen3:8b", "qwen3:8b"),
        ("registry.ollama.ai/library/qwen3:8b", "qwen3:8b"),
        ("user/m", "user/m:latest"),
        ("127.0.0.1:5555/library/tiny-llama", "127.0.0.1:5555/library/tiny-llama:latest"),
    ],
)
def test_a_name_is_shown_as_the_daemon_lists_it(text: str, short: str) -> None:
    assert ModelName.parse(text).short == short


def test_names_are_the_same_whatever_their_case_and_their_defaults() -> None:
    assert name_key("Qwen3:8B") == name_key("registry.ollama.ai/library/qwen3:8b")
    assert name_key("qwen3") == name_key("qwen3:latest") != name_key("qwen3:8b")
    assert name_key("not a name") == name_key("NOT a name")


@pytest.mark.parametrize("text", ["glm-5:cloud", "g:120b-cloud", "g:120b:cloud", "user/m:x-cloud", "m:CLOUD"])
def test_a_cloud_name_says_so(text: str) -> None:
    assert says_cloud(text)


@pytest.mark.parametrize("text", ["g:120b", "cloud", "cloud:8b", "m:cloudy", "hf.co/u/m:x-cloud", "g:local", "a b"])
def test_other_names_do_not(text: str) -> None:
    assert not says_cloud(text)


PART = st.text("abcXYZ019_.-", min_size=1, max_size=12).map(lambda text: f"m{text}")


@given(PART, PART, PART.map(lambda text: text.replace(".", "")), PART)
def test_what_is_shown_is_read_as_the_same_name(model: str, tag: str, namespace: str, host: str) -> None:
    name = ModelName(model, tag, namespace, host)

    assert ModelName.parse(name.short) == name
