"""The leaves of a text as markdown-it sees them, parsed whole: what the incremental reading is compared with."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.token import Token

from llmhub.ui.transcript import starts
from llmhub.ui.transcript.blocks import Blocks
from llmhub.ui.transcript.leaves import Kind, Leaf

PARSER = MarkdownIt("commonmark").enable("table")
Flat = tuple[object, ...]


def whole(text: str) -> list[Flat]:
    """Every leaf block with the quotes and items around it, numbered in the order they open."""
    out: list[Flat] = []
    path: list[tuple[str, int]] = []
    boxes = 0
    numbers: list[int] = []
    bare: list[bool] = []
    tokens = PARSER.parse(text)
    at = 0
    while at < len(tokens):
        token = tokens[at]
        match token.type:
            case "blockquote_open" | "list_item_open":
                kind = "quote" if token.type == "blockquote_open" else str(numbers[-1])
                path.append((kind, boxes))
                boxes += 1
                if kind != "quote" and numbers[-1] >= 0:
                    numbers[-1] += 1
                if bare:
                    bare[-1] = False
                bare.append(True)
            case "blockquote_close" | "list_item_close":
                if bare.pop():
                    out.append((tuple(path), "empty"))
                path.pop()
            case "bullet_list_open":
                numbers.append(-1)
            case "ordered_list_open":
                numbers.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                numbers.pop()
            case _ if (leaf := _leaf(tokens, at)) is not None:
                out.append((tuple(path), *leaf))
                if bare:
                    bare[-1] = False
            case _:
                pass
        at += 1
    return out


def _leaf(tokens: list[Token], at: int) -> Flat | None:
    token = tokens[at]
    match token.type:
        case "paragraph_open":
            return ("paragraph", _text(tokens[at + 1].content))
        case "heading_open":
            return ("heading", int(token.tag[1]), _text(tokens[at + 1].content))
        case "fence" | "code_block":
            return ("code", _code(token.content))
        case "html_block":
            return ("html", _code(token.content))
        case "hr":
            return ("rule",)
        case "table_open":
            end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
            rows: list[list[str]] = []
            for inner in tokens[at:end]:
                if inner.type == "tr_open":
                    rows.append([])
                elif inner.type == "inline":
                    rows[-1].append(inner.content)
            return ("table", tuple(map(tuple, rows)))
    return None


def incremental(text: str) -> list[Flat]:
    """The same of our own reading, in one feed."""
    blocks = Blocks()
    blocks.feed(text)
    blocks.finish()
    return flat(blocks.closed)


def flat(leaves: list[Leaf]) -> list[Flat]:
    """Leaves in the oracle's form."""
    out: list[Flat] = []
    seen: dict[int, int] = {}
    keep: list[object] = []
    for leaf in leaves:
        path = []
        for box in leaf.path:
            keep.append(box)
            number = seen.setdefault(id(box), len(seen))
            kind = {"quote": "quote", "bullet": "-1"}.get(box.kind, str(box.number))
            path.append((kind, number))
        out.append((tuple(path), *_flat(leaf)))
    return out


def _flat(leaf: Leaf) -> Flat:
    match leaf.kind:
        case Kind.PARAGRAPH:
            return ("paragraph", _text(leaf.text))
        case Kind.HEADING:
            return ("heading", leaf.level, _text(leaf.text))
        case Kind.CODE | Kind.HTML:
            return (str(leaf.kind), _code("\n".join(leaf.lines)))
        case Kind.TABLE:
            count = len(leaf.aligns)
            rows = [tuple((starts.cells(row) + [""] * count)[:count]) for row in leaf.lines]
            return ("table", tuple(rows))
        case _:
            return (str(leaf.kind),)


def _text(text: str) -> str:
    return "\n".join(line.strip(" \t") for line in text.strip().split("\n"))


def _code(text: str) -> str:
    return "\n".join(line.rstrip(" \t") for line in text.rstrip("\n").split("\n")).rstrip("\n")
