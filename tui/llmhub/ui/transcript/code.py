"""Code blocks as rows: a label, then each line coloured from what the line above left behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.style import Style

from llmhub.ui.transcript import highlight
from llmhub.ui.transcript.cleaning import shown
from llmhub.ui.transcript.highlight import State
from llmhub.ui.transcript.leaves import Leaf
from llmhub.ui.transcript.rows import Row, Sheet
from llmhub.ui.transcript.wrap import Cut, wrap

RESTART = 10
"""Leaves of a block after which colouring starts afresh, so that no line needs more than 400 above it read first."""
COPY = "transcript-copy"
"""Key, in a style's meta data, of the number of the code block that a click copies."""


@dataclass(slots=True)
class _Memo:
    """What is kept of an open code leaf between frames: rows of the lines that are whole."""

    stamp: object
    lines: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    """What each line leaves to the next."""
    rows: list[list[Row]] = field(default_factory=list)


def code_rows(leaf: Leaf, sheet: Sheet, stamp: object) -> list[Row]:
    """Rows of a leaf of a code block. A line that was drawn before with this `stamp` is not looked at again."""
    stamp = (stamp, highlight.known(leaf.language))
    memo = leaf.memo.get("code")
    if memo is None or memo.stamp != stamp:
        memo = leaf.memo["code"] = _Memo(stamp)
    width = sheet.room_in(leaf) - 2
    out: list[Row] = [] if leaf.before is not None else [_label(leaf, sheet, width)]
    for index, line in enumerate(leaf.lines):
        if index >= len(memo.lines) or memo.lines[index] != line:
            state = memo.states[index - 1] if index else _state_before(leaf)
            tokens, after = highlight.coloured(leaf.language, line.expandtabs(4), state)
            sheet.work.coloured += 1
            spans = [(shown(text), sheet.palette[role]) for text, role in tokens]
            ground = sheet.palette["code"]
            cuts = [
                Cut([(" ", ground), *cut.spans], cut.cells + 1, cut.join)
                for cut in wrap(spans, max(4, width), anywhere=True)
            ]
            rows = _below_label(leaf, sheet, cuts)
            del memo.lines[index:], memo.states[index:], memo.rows[index:]
            memo.lines.append(line)
            memo.states.append(after)
            memo.rows.append(rows)
        if index in leaf.glued and out:
            out[-1].join = ""
        out += memo.rows[index]
    return out


def settle(leaf: Leaf) -> None:
    """The leaf is final and drawn: keep only what the next one needs."""
    memo = leaf.memo.pop("code", None)
    if memo is not None and memo.states and highlight.known(leaf.language):
        leaf.memo["after"] = memo.states[-1]


def _state_before(leaf: Leaf) -> State:
    """What the leaves above leave to this one; they are read if they were not drawn yet."""
    chain: list[Leaf] = []
    node = leaf
    while node.before is not None and node.ordinal % RESTART and "after" not in node.before.memo:
        node = node.before
        chain.append(node)
    if node.before is not None and node.ordinal % RESTART:
        state: State = node.before.memo["after"]
    else:
        state = highlight.first_state(leaf.language)
    known = highlight.known(leaf.language)
    for above in reversed(chain):
        for line in above.lines:
            _, state = highlight.coloured(above.language, line.expandtabs(4), state)
        if known:
            above.memo["after"] = state
    return state


def _label(leaf: Leaf, sheet: Sheet, width: int) -> Row:
    left = shown(leaf.language)[: max(0, width - 8)]
    right = f"copy {leaf.number}"
    style = sheet.palette["code-label"]
    between = max(1, width - len(left) - len(right))
    spans = [(" " + left + " " * between, style), (right, style + Style.from_meta({COPY: leaf.number})), (" ", style)]
    row = sheet.boxed(leaf, [Cut(spans, 1 + len(left) + between + len(right) + 1, "\n")], ground="code-label")[0]
    row.lead, row.join = len(row.strip.text), ""  # a label is no part of what is copied
    return row


def _below_label(leaf: Leaf, sheet: Sheet, cuts: list[Cut]) -> list[Row]:
    """Rows of code. The marker of an item stands beside the label, never beside a line."""
    rows = sheet.boxed(Leaf(leaf.kind, leaf.path), cuts, ground="code")
    for row in rows:
        row.lead += 1
    return rows
