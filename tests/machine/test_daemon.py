"""How Ollama was installed, and the one command that follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmhub.core.daemon_start import DaemonFacts, StartAdvice, StartKind, start_advice
from llmhub.core.machines import Machine
from llmhub.machine.daemon import daemon_facts
from llmhub.machine.identity import this_machine

LOOPBACK = "http://127.0.0.1:11434"


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def program(folder: Path) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "ollama"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    ("facts", "command"),
    [
        (DaemonFacts("linux", service="system", binary="/usr/local/bin/ollama"), "sudo systemctl start ollama"),
        (DaemonFacts("linux", service="user", binary="/usr/bin/ollama"), "systemctl --user start ollama"),
        (DaemonFacts("linux", snap=True, binary="/snap/bin/ollama"), "sudo snap start ollama"),
        (DaemonFacts("darwin", app="/Applications/Ollama.app", brew_service=True), "open /Applications/Ollama.app"),
        (DaemonFacts("darwin", app="/Users/a b/Applications/Ollama.app"), 'open "/Users/a b/Applications/Ollama.app"'),
        (DaemonFacts("darwin", brew_service=True, binary="/opt/homebrew/bin/ollama"), "brew services start ollama"),
        (DaemonFacts("windows", app=r"C:\A\ollama app.exe"), r'Start-Process "C:\A\ollama app.exe"'),
        (DaemonFacts("linux", binary="/usr/bin/ollama"), "ollama serve"),
    ],
)
def test_an_installed_daemon_is_started_the_way_it_was_installed(facts: DaemonFacts, command: str) -> None:
    advice = start_advice(facts, LOOPBACK)

    assert (advice.kind, advice.command) == (StartKind.START, command)


def test_a_bare_serve_says_where_its_models_are() -> None:
    advice = start_advice(DaemonFacts("linux", binary="/usr/bin/ollama", models="/home/me/.ollama/models"), LOOPBACK)

    assert advice.note is not None
    assert "/home/me/.ollama/models" in advice.note


def test_a_bare_serve_listens_where_llmhub_looks() -> None:
    advice = start_advice(DaemonFacts("linux", binary="/usr/bin/ollama"), "http://127.0.0.1:5000")

    assert advice.command == "OLLAMA_HOST=http://127.0.0.1:5000 ollama serve"


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("linux", "curl -fsSL https://ollama.com/install.sh | sh"),
        ("darwin", "curl -fsSL https://ollama.com/install.sh | sh"),
        ("windows", "irm https://ollama.com/install.ps1 | iex"),
        ("other", None),
    ],
)
def test_without_ollama_its_own_installer_is_named(system: str, command: str | None) -> None:
    advice = start_advice(DaemonFacts(system), LOOPBACK)  # type: ignore[arg-type]

    assert (advice.kind, advice.command) == (StartKind.INSTALL, command)


def test_a_daemon_on_another_machine_is_never_started_here() -> None:
    advice = start_advice(DaemonFacts("linux", service="system"), "http://studio.lan:11434")

    assert isinstance(advice, StartAdvice)
    assert (advice.kind, advice.command) == (StartKind.ELSEWHERE, None)
    assert "studio.lan" in advice.how


def test_a_unit_counts_only_where_systemd_runs(tmp_path: Path) -> None:
    touch(tmp_path / "etc/systemd/system/ollama.service")

    without = daemon_facts({}, root=tmp_path, home=tmp_path / "home", system="linux")
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    with_it = daemon_facts({}, root=tmp_path, home=tmp_path / "home", system="linux")

    assert (without.service, with_it.service) == (None, "system")


def test_a_unit_of_the_persons_own_is_found(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    touch(tmp_path / "home/.config/systemd/user/ollama.service")

    assert daemon_facts({}, root=tmp_path, home=tmp_path / "home", system="linux").service == "user"


def test_on_linux_a_program_on_the_path_a_snap_and_a_container_are_seen(tmp_path: Path) -> None:
    (tmp_path / "snap/ollama").mkdir(parents=True)
    touch(tmp_path / ".dockerenv")
    environ = program(tmp_path / "bin") | {"OLLAMA_MODELS": "/big/models"}

    facts = daemon_facts(environ, root=tmp_path, home=tmp_path / "home", system="linux")

    assert facts == DaemonFacts(
        "linux", snap=True, binary=str(tmp_path / "bin/ollama"), models="/big/models", in_container=True
    )


def test_on_a_mac_the_app_and_homebrew_are_seen(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "Applications/Ollama.app").mkdir(parents=True)
    (tmp_path / "opt/homebrew/opt/ollama").mkdir(parents=True)

    facts = daemon_facts({"PATH": ""}, root=tmp_path, home=home, system="darwin")

    assert facts == DaemonFacts(
        "darwin", brew_service=True, app=str(home / "Applications/Ollama.app"), models=str(home / ".ollama/models")
    )


def test_on_windows_the_app_is_seen(tmp_path: Path) -> None:
    app = tmp_path / "Programs/Ollama/ollama app.exe"
    touch(app)

    facts = daemon_facts({"LOCALAPPDATA": str(tmp_path), "PATH": ""}, home=tmp_path, system="win32")

    assert (facts.system, facts.app) == ("windows", str(app))


def test_the_machines_id_stays_and_does_not_tell_the_systems_own(tmp_path: Path) -> None:
    raw = "0123456789abcdef0123456789abcdef"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text(raw + "\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor : 0\nmodel name : AMD   Ryzen 9\n")

    first = this_machine(root=tmp_path)

    assert first == this_machine("m-other", root=tmp_path)
    assert raw not in first.id
    assert first.chip == "AMD Ryzen 9"
    assert Machine.from_record(first.to_record()) == first


def test_a_system_without_an_id_keeps_the_one_llmhub_remembers(tmp_path: Path) -> None:
    made = this_machine(root=tmp_path)

    again = this_machine(made.id, root=tmp_path)

    assert made.id.startswith("m-")
    assert again.id == made.id


def test_a_record_without_an_id_is_no_machine() -> None:
    with pytest.raises(ValueError, match="no id"):
        Machine.from_record({"name": "x"})
