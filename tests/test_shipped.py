"""What is shipped: the sdist and the wheel are whole, and llmhub finds its themes however it came here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from importlib.metadata import Distribution
from pathlib import Path
from zipfile import ZipFile

import pytest

import llmhub

ROOT = Path(__file__).resolve().parents[1]
THEMES = {path.name: path.read_bytes() for path in (ROOT / "themes").glob("*.toml")}
BUILD = "import sys, hatchling.build as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"
NOT_SHIPPED = re.compile(r"__pycache__|\.pyc$|\.swp$|~$|(^|/)\.(git/|ci/|venv|mypy|ruff|pytest|hypothesis)|uv\.lock$")

pytestmark = pytest.mark.slow


def build(kind: str, source: Path, target: Path) -> Path:
    """An `sdist`, a `wheel` or an `editable` wheel of the project in `source`."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(target)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return target / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this checkout."""
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel was installed into, far from the checkout. A pure wheel is installed by unpacking it."""
    target = tmp_path_factory.mktemp("site")
    with ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def files_of(wheel: Path) -> dict[str, bytes]:
    """Names and contents."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def run(code: str, *arguments: str, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` with `path` and the libraries, but without what else is installed here: the checkout, if editable."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    places = [str(path), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    env |= {"PYTHONPATH": os.pathsep.join(places), "LLMHUB_HOME": str(cwd / "home"), "OLLAMA_HOST": "127.0.0.1:9"}
    command = [sys.executable, "-S", "-c", code, *arguments]  # -S: .pth files are not followed
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


# -- what is in it ----------------------------------------------------------------------------------


def test_the_wheel_is_the_package_its_themes_and_its_papers_and_nothing_else(wheel: Path) -> None:
    names = set(files_of(wheel))
    info = f"llmhub_tui-{llmhub.__version__}.dist-info"
    sources = {path.relative_to(ROOT / "tui").as_posix() for path in (ROOT / "tui").rglob("*") if path.is_file()}
    papers = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}

    wanted = {name for name in sources if not NOT_SHIPPED.search(name)} | {f"llmhub/themes/{name}" for name in THEMES}
    assert names == wanted | papers


def test_the_wheel_says_what_it_is(installed: Path) -> None:
    [distribution] = Distribution.discover(path=[str(installed)])
    commands = {(entry.group, entry.name, entry.value) for entry in distribution.entry_points}

    assert distribution.metadata["Name"] == "llmhub-tui"
    assert distribution.version == llmhub.__version__
    assert distribution.metadata["License-Expression"] == "MIT"
    assert distribution.metadata["Requires-Python"] == ">=3.11"
    assert commands == {
        ("console_scripts", "llmhub", "llmhub.__main__:main"),
        ("console_scripts", "llmhub-tui", "llmhub.__main__:main"),
    }
    assert "Ollama" in str(distribution.metadata.json["description"])


def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [source] = tmp_path.iterdir()

    again = build("wheel", source, tmp_path)

    assert again.name == wheel.name
    assert files_of(again) == files_of(wheel)


def test_the_sdist_carries_the_tests_and_nothing_that_was_left_lying_about(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "tests/conftest.py"} <= names
    assert {"benchmarks/run_all.py", "tui/llmhub/__main__.py", *(f"themes/{name}" for name in THEMES)} <= names
    assert [name for name in names if NOT_SHIPPED.search(name)] == []


# -- where its themes are ---------------------------------------------------------------------------

FIND = """
import json, sys
import site; [site.addsitedir(folder) for folder in sys.argv[1:]]
import llmhub
from llmhub.ui.theming import bundled, gather
found = gather(bundled(), bundled())
print(json.dumps([llmhub.__file__, str(bundled()), sorted({theme.name for theme in found.themes})]))
"""


def found_themes(path: Path, cwd: Path, *folders: Path) -> tuple[Path, Path, set[str]]:
    """Where the package is, where its themes are, and their names; `folders` are installed into."""
    done = run(FIND, *map(str, folders), path=path, cwd=cwd)
    assert done.returncode == 0, done.stderr
    package, themes, names = json.loads(done.stdout)
    return Path(package).parent, Path(themes), {f"{name}.toml" for name in names}


def test_the_themes_are_found_in_a_checkout(tmp_path: Path) -> None:
    assert found_themes(ROOT / "tui", tmp_path) == (ROOT / "tui" / "llmhub", ROOT / "themes", set(THEMES))


def test_the_themes_are_found_from_a_wheel(installed: Path, tmp_path: Path) -> None:
    package = installed / "llmhub"

    assert found_themes(installed, tmp_path) == (package, package / "themes", set(THEMES))
    assert {path.name: path.read_bytes() for path in (package / "themes").iterdir()} == THEMES


def test_the_themes_of_an_editable_install_are_those_of_the_checkout(tmp_path: Path) -> None:
    with ZipFile(build("editable", ROOT, tmp_path)) as archive:
        archive.extractall(tmp_path / "site")

    # the folder is a site of its own: its .pth file leads to the checkout
    found = found_themes(tmp_path / "nowhere", tmp_path, tmp_path / "site")

    assert found == (ROOT / "tui" / "llmhub", ROOT / "themes", set(THEMES))


# -- that it runs -----------------------------------------------------------------------------------

MAIN = "import sys; from llmhub.__main__ import main; main(sys.argv[1:])"


def test_the_installed_wheel_says_its_version(installed: Path, tmp_path: Path) -> None:
    done = run(MAIN, "--version", path=installed, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[-1] == llmhub.__version__


def test_the_installed_wheel_finds_itself_whole(installed: Path, tmp_path: Path) -> None:
    done = run(MAIN, "doctor", "--json", path=installed, cwd=tmp_path)

    report = json.loads(done.stdout)
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert done.returncode == 0
    assert (report["ok"], report["version"]) == (True, llmhub.__version__)
    assert (states["package"], states["themes"]) == ("ok", "ok")


@pytest.mark.parametrize("lost", ["llmhub/ledger/books.py", "llmhub/themes/graphite.toml"])
def test_a_wheel_with_a_piece_missing_is_noticed(lost: str, wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site", [name for name in archive.namelist() if name != lost])

    done = run(MAIN, "doctor", "--json", path=tmp_path / "site", cwd=tmp_path)

    assert done.returncode == 1, done.stdout
