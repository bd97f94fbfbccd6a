"""What stands where the table would be while there is nothing to list, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from llmhub.core.daemon_start import StartKind
from llmhub.core.plain import one_line

if TYPE_CHECKING:
    from llmhub.core.hub import Hub

_STARTS = {
    StartKind.INSTALL: "Ollama is not installed here. This installs it:",
    StartKind.START: "Ollama is installed here. This starts it:",
    StartKind.ELSEWHERE: "",
}


def placeholder(hub: Hub | None, query: str = "") -> Content:
    """Title, what was found, what to do."""
    if hub is None or not hub.state.looked:
        return Content("Looking for Ollama …")
    if not hub.state.alive:
        title, lines = "No Ollama", _no_daemon(hub)
    elif hub.state.installed:
        title, lines = "No such model", [f"No name here has the letters of “{one_line(query)}”.", "", "esc shows all."]
    else:
        title = "No model yet"
        version = f" {one_line(hub.state.info.version)}" if hub.state.info else ""
        lines = [
            f"Ollama{version} answers at {one_line(hub.state.url)}.",
            "",
            "p pulls a model by its name: qwen3:8b, or any GGUF of Hugging Face, such as",
            "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M",
            "",
            "F2 goes to Chat, which offers three to begin with.",
        ]
    return Content("\n").join([Content.styled(title, "bold"), Content(""), *(Content(line) for line in lines)])


def _no_daemon(hub: Hub) -> list[str]:
    error, advice = hub.state.error, hub.services.start_advice
    lines = []
    if error is not None:
        lines = [f"{one_line(error.happened)}: {one_line(error.subject)}."]
        if advice is None:
            lines += ["", one_line(error.remedy)]
    if advice is not None:
        lines += ["", _STARTS[advice.kind]] if _STARTS[advice.kind] else []
        lines += ["", f"    {advice.command}", "", "y copies it."] if advice.command else []
        lines += [advice.how] if advice.how else []
        lines += [advice.note] if advice.note else []
    return [*lines, "", "llmhub watches, and goes on by itself as soon as it answers."]
