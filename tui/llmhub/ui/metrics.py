"""The line under a reply, in words: how fast, how much, and how it ended."""

from __future__ import annotations

from llmhub import formats
from llmhub.core.session import LaneRun, RunState
from llmhub.core.turns import Turn, TurnStatus

ENDINGS = {
    TurnStatus.LENGTH: "stopped at the most tokens a reply may have",
    TurnStatus.CONTEXT_FULL: "the context is full",
    TurnStatus.CANCELLED: "stopped",
    TurnStatus.CUT: "cut off",
    TurnStatus.REPEATED: "the model repeated itself; Ollama stopped it",
    TurnStatus.ERROR: "failed",
    TurnStatus.INTERRUPTED: "interrupted: llmhub was closed",
}


def ended_words(turn: Turn) -> str:
    """Of a turn that has ended: `47.2 tok/s · first 0.21 s · 412 tok`, an early end before it."""
    parts: list[str] = []
    if turn.status is not TurnStatus.COMPLETE:
        parts.append(ENDINGS[turn.status])
    mark = "~" if turn.tokens.source == "estimate" else ""
    measured = turn.durations.eval_ns is not None
    if (rate := turn.decode_per_s) is not None:
        parts.append(formats.rate(rate, measured=measured))
    if turn.client_ms.first is not None:
        parts.append(f"first {formats.seconds(turn.client_ms.first / 1000)}")
    if turn.tokens.completion is not None:
        parts.append(f"{mark}{formats.count(turn.tokens.completion)} tok")
    return " · ".join(parts)


def running_words(run: LaneRun) -> str:
    """Of a reply on its way: what it does now, and how fast."""
    if run.state is RunState.QUEUED:
        return f"waits: {run.waits_for} has the daemon" if run.waits_for else "waits for its turn"
    meter = run.meter
    if meter is None:
        return "asking"
    if meter.first_s is None:
        waited = formats.seconds(meter.elapsed_s)
        if run.silent_s is not None:
            return f"nothing came for {waited}: the model loads, or another program has it · esc stops"
        return f"loading or reading the prompt · {waited}"
    words = [f"~{formats.count(meter.pieces)} tok"]
    if (rate := meter.live_per_s) is not None:
        words.insert(0, formats.rate(rate, measured=False))
    if run.silent_s is not None:
        words.append(f"nothing came for {formats.seconds(run.silent_s)} · esc stops")
    return " · ".join(words)


def details_lines(turn: Turn) -> list[tuple[str, str]]:
    """What is one Enter away: every fact of a turn's time and tokens, in order."""
    ns = turn.durations
    tokens = turn.tokens

    def took(value: int | None) -> str:
        return formats.UNKNOWN if value is None else formats.seconds(value / 1e9)

    def many(value: int | None, mark: str = "") -> str:
        return formats.UNKNOWN if value is None else mark + formats.count(value)

    mark = "~" if tokens.source == "estimate" else ""
    return [
        ("model", turn.served_model or turn.model),
        ("place", turn.place.words),
        ("status", str(turn.status) + (f": {turn.reason}" if turn.reason else "")),
        ("prompt tokens", many(tokens.prompt, mark)),
        ("completion tokens", many(tokens.completion, mark)),
        ("load", took(ns.load_ns)),
        ("prefill", took(ns.prompt_eval_ns)),
        ("decode", took(ns.eval_ns)),
        ("total, by the daemon", took(ns.total_ns)),
        ("first token, by our clock", took(_ns(turn.client_ms.first))),
        ("whole, by our clock", took(_ns(turn.client_ms.wall))),
        ("context asked for", many(turn.num_ctx)),
        ("most tokens of a reply", many(turn.max_tokens)),
    ]


def _ns(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds * 1_000_000
