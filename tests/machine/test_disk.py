"""The folder of the daemon's models: where it is, what is in it, what is free on its disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from llmhub.machine.disk import models_folder_free

BLOB = "sha256-" + "ab" * 32


def made(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def service(root: Path, text: str = "[Service]\n") -> None:
    (root / "run/systemd/system").mkdir(parents=True)
    made(root / "etc/systemd/system/ollama.service", text)


def test_the_variable_wins(tmp_path: Path) -> None:
    service(tmp_path)

    found = models_folder_free({"OLLAMA_MODELS": str(tmp_path / "mine")}, root=tmp_path, home=tmp_path / "home")

    assert (found.path, found.source) == (str(tmp_path / "mine"), "OLLAMA_MODELS")


def test_without_a_service_it_is_the_person_s_own(tmp_path: Path) -> None:
    for system in ("linux", "darwin", "win32"):
        found = models_folder_free({}, root=tmp_path, home=tmp_path / "home", system=system)
        assert found.path == str(tmp_path / "home/.ollama/models")


def test_the_service_has_its_own(tmp_path: Path) -> None:
    service(tmp_path)

    found = models_folder_free({}, root=tmp_path, home=tmp_path / "home", system="linux")

    assert (found.path, found.source) == (str(tmp_path / "usr/share/ollama/.ollama/models"), "the service's own")


def test_the_snap_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "snap/ollama").mkdir(parents=True)

    found = models_folder_free({}, root=tmp_path, home=tmp_path / "home", system="linux")

    assert found.path == str(tmp_path / "var/snap/ollama/common/models")


@pytest.mark.parametrize(
    ("unit", "added", "path"),
    [
        ('[Service]\nEnvironment="OLLAMA_MODELS=/data/the models"\n', None, "/data/the models"),
        ('[Service]\nEnvironment="PATH=/bin" OLLAMA_MODELS=/data/m\n', None, "/data/m"),
        ("[Service]\n", '[Service]\nEnvironment="OLLAMA_MODELS=/added"\n', "/added"),
        ("[Service]\nEnvironment=OLLAMA_MODELS=/first\n", "[Service]\nEnvironment=OLLAMA_MODELS=/added\n", "/added"),
        ("[Service]\nEnvironment=OLLAMA_MODELS=/first\n", "[Service]\nEnvironment=\n", None),
        ('[Service]\n#Environment="OLLAMA_MODELS=/no"\n', None, None),
        ('[Service]\nEnvironment="OLLAMA_MODELS=/unclosed\n', None, None),
    ],
)
def test_what_the_service_is_told_counts(tmp_path: Path, unit: str, added: str | None, path: str | None) -> None:
    service(tmp_path, unit)
    if added is not None:
        made(tmp_path / "etc/systemd/system/ollama.service.d/override.conf", added)

    found = models_folder_free({}, root=tmp_path, home=tmp_path / "home", system="linux")

    assert found.path == (path or str(tmp_path / "usr/share/ollama/.ollama/models"))


def test_whole_layers_are_there_and_parts_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    for name in (BLOB, "sha256-" + "cd" * 32 + "-partial", "sha256-" + "cd" * 32 + "-partial-0", "notes.txt"):
        made(folder / "blobs" / name)

    found = models_folder_free({"OLLAMA_MODELS": str(folder)})

    assert found.present == frozenset({"sha256:" + "ab" * 32})
    assert found.free_bytes is not None
    assert abs(found.free_bytes - shutil.disk_usage(tmp_path).free) < 2**30


def test_a_folder_that_is_not_there_yet_is_empty_and_its_disk_is_its_parent_s(tmp_path: Path) -> None:
    found = models_folder_free({"OLLAMA_MODELS": str(tmp_path / "a/b/c")})

    assert found.present == frozenset()
    assert found.free_bytes is not None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_unknown(tmp_path: Path) -> None:
    blobs = tmp_path / "models/blobs"
    blobs.mkdir(parents=True)
    blobs.chmod(0)

    try:
        assert models_folder_free({"OLLAMA_MODELS": str(tmp_path / "models")}).present is None
    finally:
        blobs.chmod(0o700)


def test_a_folder_that_may_not_be_read_is_unknown_to_whoever_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("llmhub.machine.disk.os.scandir", refuse)

    assert models_folder_free({"OLLAMA_MODELS": str(tmp_path)}).present is None


def test_a_file_in_its_place_is_unknown(tmp_path: Path) -> None:
    found = models_folder_free({"OLLAMA_MODELS": str(made(tmp_path / "models"))})

    assert found.present is None
