"""The rooms of the house: what each may import, what each loads, and what the first frame waits for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tui" / "llmhub"
OWN = {"llmhub", "llmhub.__main__"}
"""The version and the way in; no rooms."""

MAY_IMPORT: dict[str, tuple[str, str]] = {
    "core": ("", ""),
    "formats": ("core", "humanize"),
    "settings": ("core", "platformdirs tomlkit keyring"),
    "net": ("core", "httpx httpx_sse"),
    "storage": ("core", "tinydb"),
    "backends": ("core net", "ollama"),
    "catalog": ("core net", ""),
    "machine": ("core", "psutil pynvml"),
    "ledger": ("core storage", ""),
    "chats": ("core storage", ""),
    "simulators": ("core", ""),
    "ui": ("core formats", "textual rich pygments markdown_it"),
    "cli": ("core formats bootstrap", "click"),
    "bootstrap": (
        "core formats settings net storage backends catalog machine ledger chats simulators ui",
        "textual",
    ),
}
"""For each room: other rooms, libraries. The standard library is everybody's."""
VENDORS = ("ollama", "openrouter", "openai_compatible", "scripted")
"""Backends by the protocol they speak: `ollama` and all of `ollama_…`. A module named for none is everybody's."""
LIBRARIES = {library for _, libraries in MAY_IMPORT.values() for library in libraries.split()}


def contracts() -> list[dict[str, Any]]:
    """The contracts of import-linter, as they are written."""
    found: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    return found


def forbidden_to(room: str) -> set[str]:
    """Every other room and every library that the table does not give to `room`."""
    rooms, libraries = MAY_IMPORT[room]
    others = {f"llmhub.{other}" for other in MAY_IMPORT.keys() - {room} - set(rooms.split())}
    return others | (LIBRARIES - set(libraries.split()))


def reach(room: str) -> set[str]:
    """`room`, the rooms that the table gives to it, and theirs."""
    return {room}.union(*(reach(other) for other in MAY_IMPORT[room][0].split()))


def python(*arguments: str, env: dict[str, str] | None = None) -> str:
    """What a fresh interpreter prints, with this checkout's package."""
    environ = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "COLUMNS": "200"} | (env or {})
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- what may be imported ---------------------------------------------------------------------------


def test_every_room_is_in_the_table() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}

    assert rooms - {"__init__", "__main__"} == MAY_IMPORT.keys()


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom."""
    return grimp.build_graph("llmhub", include_external_packages=True, cache_dir=None)


def test_every_import_is_one_that_the_table_allows(graph: grimp.ImportGraph) -> None:
    lawless = set()
    for importer in graph.find_descendants("llmhub") - OWN:
        room = importer.split(".")[1]
        rooms, libraries = MAY_IMPORT[room]
        for imported in graph.find_modules_directly_imported_by(importer) - OWN:
            first, _, rest = imported.partition(".")
            allowed = {room, *rooms.split()} if first == "llmhub" else set(libraries.split())
            name = rest.partition(".")[0] if first == "llmhub" else first
            if name not in allowed and first not in sys.stdlib_module_names:
                lawless.add(f"{importer} -> {imported}")

    assert lawless == set()


def vendor_of(module: str) -> str | None:
    """The vendor that a module of the backends is named for."""
    name = module.removeprefix("llmhub.backends.")
    return next((vendor for vendor in VENDORS if name == vendor or name.startswith(f"{vendor}_")), None)


def test_no_part_of_a_backend_imports_a_part_of_another(graph: grimp.ImportGraph) -> None:
    crossed = {
        f"{importer} -> {imported}"
        for importer in graph.find_descendants("llmhub.backends")
        for imported in graph.find_modules_directly_imported_by(importer)
        if len({vendor_of(importer), vendor_of(imported)} - {None}) > 1
    }

    assert crossed == set()


def test_every_backend_is_in_the_contract_of_the_backends() -> None:
    [contract] = [contract for contract in contracts() if contract["type"] == "independence"]
    there = {f"llmhub.backends.{vendor}" for vendor in VENDORS if (PACKAGE / "backends" / f"{vendor}.py").is_file()}

    assert set(contract["modules"]) == there


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_the_contract_of_a_room_forbids_all_that_the_table_does_not_give_it(room: str) -> None:
    own = [contract for contract in contracts() if contract.get("source_modules") == [f"llmhub.{room}"]]

    assert [set(contract["forbidden_modules"]) for contract in own] == [forbidden_to(room)]


def offence(contract: dict[str, Any]) -> tuple[str, str, list[str]]:
    """A file, lines that break `contract` there, and what import-linter will name."""
    if contract["type"] == "independence":
        one, other = contract["modules"][:2]
        return one.replace(".", "/"), f"import {other}", [f"{one} -> {other}"]
    [source] = contract["source_modules"]
    rooms = [name for name in contract["forbidden_modules"] if name.startswith("llmhub.")]
    libraries = [name for name in contract["forbidden_modules"] if not name.startswith("llmhub.")]
    chosen = [rooms[0], libraries[-1]]  # the last room is the bootstrap, a way from anywhere to anywhere
    return (
        source.replace(".", "/"),
        "\n".join(f"import {name}" for name in chosen),
        [f"{source} -> {x}" for x in chosen],
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[str]]]:
    """What import-linter finds in a copy: as it is, then with one contract after the other broken."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copytree(PACKAGE, copy / "tui" / "llmhub", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    offences = []
    for contract in contracts():
        module, lines, _ = offence(contract)
        package = copy / "tui" / module
        offences.append([f"tui/{module}/__init__.py" if package.is_dir() else f"tui/{module}.py", lines])
    script = str(Path(__file__).parent / "support" / "breaking.py")
    told: list[dict[str, list[str]]] = json.loads(
        python(script, str(copy), json.dumps(offences), env={"PYTHONPATH": str(copy / "tui")})
    )
    return told


def test_the_house_as_it_is_keeps_every_contract(broken: list[dict[str, list[str]]]) -> None:
    assert broken[0] == {}


@pytest.mark.parametrize("at", range(len(contracts())), ids=[contract["name"] for contract in contracts()])
def test_a_contract_that_is_broken_is_named_and_no_other(at: int, broken: list[dict[str, list[str]]]) -> None:
    contract = contracts()[at]
    _, _, named = offence(contract)

    [(name, found)] = broken[at + 1].items()

    assert name == contract["name"]
    assert set(found) == set(named)


# -- what is loaded ---------------------------------------------------------------------------------

HEAVY = {
    "textual",
    "rich",
    "httpx",
    "ollama",
    "pydantic",
    "tinydb",
    "keyring",
    "tomlkit",
    "click",
    "psutil",
    "humanize",
}
HTTPX = {"httpx", "click", "rich"}
"""httpx 0.28 loads its own command, and with it click and rich, wherever these are installed."""
LOADS: dict[str, set[str]] = {
    "net": HTTPX,
    "backends": HTTPX,
    "catalog": HTTPX,
    "storage": {"tinydb"},
    "ledger": {"tinydb"},
    "chats": {"tinydb"},
    "ui": {"textual", "rich"},
    "cli": {"click"},
}
"""What the modules of a room bring with them; every other heavy library waits until it is used."""
LOAD_A_ROOM = """
import importlib, json, pkgutil, sys
room = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(getattr(room, "__path__", []), f"{sys.argv[1]}."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_loads_nothing_heavy_but_its_own(room: str) -> None:
    loaded = json.loads(python("-c", LOAD_A_ROOM, f"llmhub.{room}"))

    rooms = {name.split(".")[1] for name in loaded if name.startswith("llmhub.")}
    assert HEAVY & {name.partition(".")[0] for name in loaded} <= LOADS.get(room, set())
    assert rooms <= reach(room)


def test_the_core_loads_the_standard_library_alone() -> None:
    bare = json.loads(python("-c", "import json, sys; print(json.dumps(sorted(sys.modules)))"))
    loaded = json.loads(python("-c", LOAD_A_ROOM, "llmhub.core"))

    roots = {name.partition(".")[0] for name in {*loaded} - {*bare}}
    assert roots - sys.stdlib_module_names == {"llmhub"}


def test_the_way_in_loads_nothing_of_llmhub() -> None:
    loaded = json.loads(python("-c", LOAD_A_ROOM, "llmhub.__main__"))

    assert {name for name in loaded if name.startswith("llmhub")} == OWN


# -- the first frame --------------------------------------------------------------------------------

FIRST_FRAME = {
    "bootstrap": ["outside", "signals", "world"],
    "core": [
        "addresses",
        "config",
        "errors",
        "limits",
        "memory",
        "places",
        "plain",
    ],
    "settings": ["config", "files", "keys", "logs", "places", "toml"],
    "ui": [
        "app",
        "keys",
        "screens",
        "screens.opening",
        "theming",
        "widgets",
        "widgets.hint_line",
        "widgets.prompt",
        "widgets.status_bar",
        "widgets.welcome",
    ],
}
"""All that is loaded when the first frame is written. One more is a decision: a dataclass alone takes 0.7 ms to make
(Python 3.11), the Chat screen with all it needs a third of the whole start."""


@pytest.mark.skipif(sys.platform != "linux", reason="the frame is watched in Textual's driver for Linux")
def test_the_first_frame_waits_for_these_modules_and_no_others(tmp_path: Path) -> None:
    sys.path.append(str(ROOT))  # benchmarks/ is no part of the package
    from benchmarks.daemon import APP_READY, environment
    from benchmarks.pty_app import PtyApp

    file = tmp_path / "modules.txt"
    command = [sys.executable, "-m", "benchmarks.first_frame", str(file), APP_READY, "llmhub"]
    nobody = {"LLMHUB_HOME": str(tmp_path / "home"), "OLLAMA_HOST": "127.0.0.1:9"}
    with PtyApp(command, environment(tmp_path, **nobody)) as app:
        app.wait(APP_READY)

    loaded = set(file.read_text("utf-8").split())

    ours = {name.removeprefix("llmhub.") for name in loaded if name.startswith("llmhub.")}
    assert ours == {*FIRST_FRAME} | {f"{room}.{name}" for room, names in FIRST_FRAME.items() for name in names}
    assert HEAVY & {name.partition(".")[0] for name in loaded} == {"textual", "rich"}
