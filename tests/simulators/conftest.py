"""Simulators that take no time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_script import OpenRouterScript
from llmhub.simulators.script import OllamaScript


@pytest.fixture
async def sim() -> AsyncIterator[OllamaSimulator]:
    """A daemon of 0.32.15 without any waiting."""
    async with OllamaSimulator(OllamaScript().at_once()) as simulator:
        yield simulator


@pytest.fixture
async def old_sim() -> AsyncIterator[OllamaSimulator]:
    """A daemon of 0.24.0 without any waiting."""
    async with OllamaSimulator(OllamaScript(version="0.24.0").at_once()) as simulator:
        yield simulator


@pytest.fixture
async def cloud() -> AsyncIterator[OpenRouterSimulator]:
    """A provider without any waiting."""
    async with OpenRouterSimulator(OpenRouterScript().at_once()) as simulator:
        yield simulator
