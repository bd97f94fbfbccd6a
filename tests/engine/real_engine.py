"""A real llama.cpp, from the package `xllamacpp`, that loads the models of `engine_models`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.engine_log import EngineMemory, read
from engine.engine_models import MODELS
from llmhub.core.sizing.facts import Setup
from support.gguf_files import write

CHILD = Path(__file__).with_name("engine_child.py")
LONGEST_SECONDS = 60


@dataclass
class RealEngine:
    """Loads models, each setup once."""

    folder: Path
    version: str
    _known: dict[tuple[str, Setup], EngineMemory] = field(default_factory=dict)
    _others: list[str] = field(default_factory=list)
    """Devices beside the CPU."""

    @property
    def build(self) -> int:
        """The build number of its llama.cpp: the last part of the package's version."""
        return int(self.version.split(".")[2])

    def load(self, model: str, setup: Setup) -> EngineMemory:
        """What the engine takes for a model; the test is skipped where it has another device than the CPU."""
        if (model, setup) not in self._known and not self._others:
            log = self._load(model, setup)
            if not self._others:
                self._known[model, setup] = read(log)
        if self._others:
            pytest.skip(f"xllamacpp finds {', '.join(self._others)} here; compared is its work on a CPU")
        return self._known[model, setup]

    def file(self, model: str) -> Path:
        """The model's file; its data is a hole."""
        path = self.folder / f"{model}.gguf"
        return path if path.exists() else write(path, MODELS[model](), sparse=True)

    def _load(self, model: str, setup: Setup) -> str:
        asked = {
            "path": str(self.file(model)),
            "context": setup.context,
            "parallel": setup.parallel,
            "micro_batch": setup.micro_batch,
            "kv_type": setup.kv_type,
            "flash_attention": setup.flash_attention,
        }
        try:
            done = subprocess.run(
                [sys.executable, str(CHILD)],
                input=json.dumps(asked),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=LONGEST_SECONDS,
                env={name: value for name, value in os.environ.items() if not name.startswith(("LLAMA_", "GGML_"))},
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
            pytest.fail(f"xllamacpp {self.version} did not load {model}: {problem}; its log ends:\n{tail(problem)}")
        self._others = [name for name in json.loads(done.stdout.splitlines()[-1])["devices"] if name != "CPU"]
        return done.stderr


def tail(problem: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    """The end of what a child logged; after a time-out it comes as bytes even where text was asked for."""
    log = problem.stderr or ""
    return (log.decode(errors="replace") if isinstance(log, bytes) else log)[-2000:]


def installed_engine(folder: Path) -> RealEngine:
    """The engine that is installed; the test is skipped, visibly, where there is none.

    With LLMHUB_TEST_ENGINE=required it fails instead.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        reason = "xllamacpp is not installed: no real engine to compare with (the dependency group `engine` has it)"
        if os.environ.get("LLMHUB_TEST_ENGINE") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return RealEngine(folder, importlib.metadata.version("xllamacpp"))
