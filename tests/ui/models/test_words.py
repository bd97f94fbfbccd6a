"""What the Models mode says of a model, word by word."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub import formats
from llmhub.core.errors import LLMHubError
from llmhub.core.models import LoadedModel
from llmhub.ui.models import words
from llmhub.ui.models.deleting import delete_question
from llmhub.ui.models.naming import wrong_name
from llmhub.ui.models.rows import ModelRow, Order, arranged
from support.fake_host import GIB, cloud_model, installed_model
from support.models_mode import NOW


def in_memory(size: int, vram: int, minutes: float | None = None, *, never: bool = False) -> LoadedModel:
    expires = None if minutes is None else NOW + timedelta(minutes=minutes)
    return LoadedModel("a:1", size, vram, expires_at=expires, never_expires=never)


@pytest.mark.parametrize(
    ("entry", "width", "said"),
    [
        (in_memory(8, 8, 4.2), 12, "GPU, 4 m"),
        (in_memory(8, 0, 0.5), 12, "CPU, 30 s"),
        (in_memory(8, 6, 90), 15, "75 % GPU, 1 h"),
        (in_memory(8, 6, 90), 10, "75 % GPU"),
        (in_memory(8, 8, never=True), 12, "GPU, never"),
        (in_memory(8, 8), 12, "GPU, —"),
        (in_memory(8, 8, -1), 12, "GPU, leaving"),
        (in_memory(0, 0, 4), 12, "loaded, 4 m"),
        (in_memory(8, 9, 4), 12, "loaded, 4 m"),
    ],
)
def test_where_a_loaded_model_is_and_when_it_leaves(entry: LoadedModel, width: int, said: str) -> None:
    assert words.loaded(ModelRow(installed_model("a:1"), entry), NOW, width) == said


@pytest.mark.parametrize(
    ("can", "width", "said"),
    [
        (None, None, "—"),
        (frozenset[str](), None, "—"),
        (frozenset({"completion"}), None, "chat"),
        (frozenset({"completion", "thinking", "tools"}), None, "tools, thinking"),
        (frozenset({"completion", "thinking", "tools"}), 11, "tools think"),
        (frozenset({"completion", "thinking", "tools"}), 8, "tools +1"),
        (frozenset({"completion", "vision", "\x1b[31mnew"}), None, "vision, new"),
    ],
)
def test_what_a_model_can(can: frozenset[str] | None, width: int | None, said: str) -> None:
    assert words.abilities(can, width) == said


@pytest.mark.parametrize(
    ("days", "said"), [(0, "today"), (-1, "today"), (1, "yesterday"), (12, "12 d ago"), (None, "—")]
)
def test_the_day_of_the_last_turn(days: int | None, said: str) -> None:
    today = NOW.astimezone().date()

    assert words.last_used(None if days is None else today - timedelta(days=days), NOW) == said


def test_a_total_is_not_told_where_a_size_is_not() -> None:
    assert words.headline((installed_model("a:1", None),)) == "1 model"
    assert words.headline((installed_model("a:1", 2 * GIB), cloud_model("b:cloud"))) == "2 models, 2.0 GiB on disk"


@pytest.mark.parametrize(
    ("name", "width", "said"),
    [
        ("qwen3:8b", 8, "qwen3:8b"),
        ("hf.co/bartowski/Llama-3.2-3B-GGUF:Q4_K_M", 22, "hf.co/b…3B-GGUF:Q4_K_M"),
    ],
)  # fmt: skip
def test_a_name_that_is_too_long_keeps_its_beginning_and_its_tag(name: str, width: int, said: str) -> None:
    assert words.fit_name(name, width) == said


@given(st.text(max_size=60), st.integers(2, 40))
def test_a_name_never_takes_more_than_its_column(name: str, width: int) -> None:
    assert formats.cells(words.fit_name(name, width)) <= width


def test_the_question_before_a_deletion_tells_what_comes_free() -> None:
    one, twin = installed_model("a:1", 5 * GIB, digest="1"), installed_model("b:1", 5 * GIB, digest="1")
    other, unknown = installed_model("c:1", 7 * GIB, digest="2"), installed_model("d:1", None, digest="3")
    stub, everything = cloud_model("e:cloud"), (one, twin, other, unknown)

    said = {model.name: delete_question(ModelRow(model), (*everything, stub))[1] for model in (*everything, stub)}

    assert said == {
        "a:1": "Nothing comes free: b:1 is the same model.",
        "b:1": "Nothing comes free: a:1 is the same model.",
        "c:1": "7.0 GiB come free (7,516,192,768 bytes); less where another model shares some of its layers.",
        "d:1": "How much comes free is not known.",
        "e:cloud": "It runs in Ollama cloud: only its name goes, nothing is stored here.",
    }


@pytest.mark.parametrize("name", ["qwen3:8b", "hf.co/u/r:Q4_K_M", "gpt-oss:120b:cloud", "localhost:5000/me/m"])
def test_a_name_that_a_daemon_takes_is_taken(name: str) -> None:
    assert wrong_name(name) is None


@pytest.mark.parametrize("name", ["a b", "a/b/c/d", ":8b", "é:1", "a:\x1b[31m"])
def test_a_name_that_no_daemon_takes_is_told_in_three_parts(name: str) -> None:
    error = wrong_name(name)

    assert isinstance(error, LLMHubError)
    assert error.remedy == "write it as qwen3:8b"


def test_rows_in_every_order() -> None:
    day = NOW.date()
    rows = [
        ModelRow(installed_model("b:1", 1)),
        ModelRow(installed_model("A:1", 3, modified_at=None)),
        ModelRow(installed_model("c:1", 2), last_used=day),
        ModelRow(cloud_model("d:cloud"), in_memory(1, 1)),
    ]

    orders = {order: [row.name for row in arranged(rows, order)] for order in Order}

    assert orders == {
        Order.LAST_USED: ["d:cloud", "c:1", "b:1", "A:1"],
        Order.NAME: ["A:1", "b:1", "c:1", "d:cloud"],
        Order.SIZE: ["A:1", "c:1", "b:1", "d:cloud"],
    }
    assert [row.name for row in arranged(rows, Order.NAME, "c")] == ["c:1", "d:cloud"]
