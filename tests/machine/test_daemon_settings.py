"""How the daemon here is set up, as far as it can be seen."""

from __future__ import annotations

from pathlib import Path

from llmhub.machine.daemon_settings import daemon_settings, of_unit


def unit(root: Path, folder: str, text: str, name: str = "ollama.service") -> None:
    path = root / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_the_running_daemon_s_own_variables_go_first(tmp_path: Path) -> None:
    unit(tmp_path, "etc/systemd/system", "[Service]\nEnvironment=OLLAMA_KV_CACHE_TYPE=q4_0\n")
    running = [{"OLLAMA_KV_CACHE_TYPE": "q8_0", "PATH": "/bin"}]

    found = daemon_settings({"OLLAMA_KV_CACHE_TYPE": "f32"}, root=tmp_path, running=running)

    assert found == {"OLLAMA_KV_CACHE_TYPE": "q8_0"}


def test_a_running_daemon_without_variables_has_its_defaults_whatever_else_is_set(tmp_path: Path) -> None:
    assert daemon_settings({"OLLAMA_KV_CACHE_TYPE": "q8_0"}, root=tmp_path, running=[{}]) == {}


def test_the_service_s_files_go_before_our_own_variables(tmp_path: Path) -> None:
    unit(tmp_path, "usr/lib/systemd/system", "[Service]\nEnvironment=OLLAMA_KV_CACHE_TYPE=f16 OLLAMA_HOST=0.0.0.0\n")
    unit(
        tmp_path,
        "etc/systemd/system/ollama.service.d",
        '[Service]\n# a comment\nEnvironment="OLLAMA_KV_CACHE_TYPE=q8_0" \\\n  "OLLAMA_NUM_PARALLEL=2"\nUser=ollama\n',
        "override.conf",
    )

    found = daemon_settings({"OLLAMA_KV_CACHE_TYPE": "f32"}, root=tmp_path, running=[])

    assert found == {"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_HOST": "0.0.0.0", "OLLAMA_NUM_PARALLEL": "2"}


def test_without_either_our_own_variables_are_taken(tmp_path: Path) -> None:
    own = {"OLLAMA_KV_CACHE_TYPE": " q8_0 ", "OLLAMA_HOST": "", "HOME": "/home/me"}

    assert daemon_settings(own, root=tmp_path, running=[]) == {"OLLAMA_KV_CACHE_TYPE": "q8_0"}


def test_a_unit_that_makes_no_sense_is_passed_over(tmp_path: Path) -> None:
    unit(
        tmp_path, "etc/systemd/system", 'Environment="OLLAMA_HOST=0.0.0.0\nEnvironment=\nEnvironment=A\nnonsense\n\xff'
    )

    assert of_unit(tmp_path) == {"A": ""}
    assert daemon_settings({}, root=tmp_path, running=[]) == {}


def test_this_machine_can_be_asked() -> None:
    assert all(key.startswith("OLLAMA_") for key in daemon_settings({}))
