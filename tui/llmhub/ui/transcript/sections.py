"""Parts of a turn: blocks in order, each drawn when it is first seen and forgotten when it has not been for long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmhub.ui.transcript.heights import Heights
from llmhub.ui.transcript.inline import labels
from llmhub.ui.transcript.leaves import Kind, Leaf
from llmhub.ui.transcript.lines import HeaderLine, MetricsLine, NoticeLine
from llmhub.ui.transcript.plain import Source
from llmhub.ui.transcript.render import Block, Renderer
from llmhub.ui.transcript.rows import Row, spaced


class Unit:
    """A block and its rows."""

    __slots__ = ("above", "block", "count", "counted_for", "final", "rows", "stamp", "used")

    def __init__(self, block: Block, above: Leaf | None = None, *, final: bool = True) -> None:
        self.block = block
        self.above = above
        self.final = final
        """Whether the block will not change any more."""
        self.rows: list[Row] | None = None
        self.stamp: object = None
        """Of the renderer that made `rows`."""
        self.count = 0
        """Rows it has, exactly, at the width `counted_for`."""
        self.counted_for = 0
        self.used = 0
        """When it was last on the screen."""

    def height(self, renderer: Renderer) -> int:
        """Rows it takes: exact once drawn at this width, else a guess."""
        return self.count if self.counted_for == renderer.sheet.width else self._guess(renderer.sheet.room)

    def _guess(self, room: int) -> int:
        block = self.block
        if not isinstance(block, Leaf):
            return 2 if isinstance(block, HeaderLine | NoticeLine) and block.gap else 1
        gap = 1 if self.above is not None and spaced(self.above, block) else 0
        match block.kind:
            case Kind.CODE:
                return gap + len(block.lines) + (block.before is None)
            case Kind.PARAGRAPH | Kind.HEADING:
                return gap + block.text.count("\n") + 1 + len(block.text) // (room + 1)
            case Kind.TABLE:
                return gap + len(block.lines) + (block.before is None)
            case Kind.PLAIN | Kind.HTML:
                return gap + sum(1 + len(line) // (room + 1) for line in block.lines)
            case _:
                return gap + 1

    def drawn(self, renderer: Renderer, env: dict[str, Any], role: str) -> list[Row]:
        """Its rows, made now if they were not."""
        if self.rows is None or self.stamp is not renderer.stamp:
            self.rows = renderer.rows(self.block, self.above, env, role)
            self.stamp = renderer.stamp
            self.count, self.counted_for = len(self.rows), renderer.sheet.width
            if self.final:
                renderer.settle(self.block)
        return self.rows

    def forget(self) -> None:
        """Let the rows go; how many there are is kept."""
        self.rows = None

    def spoil(self) -> None:
        """What was drawn is no longer right."""
        self.rows, self.counted_for = None, 0


class Section:
    """Units one under the other, with their heights for one renderer."""

    def __init__(self, role: str = "text") -> None:
        self.role = role
        self.units: list[Unit] = []
        self.heights = Heights()
        self.env: dict[str, Any] = {}

    def measure(self, renderer: Renderer) -> None:
        """Take the heights for another renderer."""
        self.heights = Heights(unit.height(renderer) for unit in self.units)

    def replace_from(self, keep: int, units: Iterable[Unit], renderer: Renderer | None) -> None:
        """Keep the first `keep` units and put `units` after them."""
        del self.units[keep:]
        self.heights.truncate(keep)
        for unit in units:
            self.units.append(unit)
            if renderer is not None:
                self.heights.append(unit.height(renderer))

    def draw(self, index: int, renderer: Renderer) -> list[Row]:
        """The rows of one unit; its height is exact from now on."""
        unit = self.units[index]
        rows = unit.drawn(renderer, self.env, self.role)
        self.heights[index] = unit.count
        return rows

    def put(self, index: int, block: Block, renderer: Renderer | None) -> None:
        """Put another block in the place of one, or after the last."""
        if index < len(self.units) and self.units[index].block == block:
            return
        rest = self.units[index + 1 :]
        self.replace_from(index, [Unit(block), *rest], renderer)


class TextSection(Section):
    """A section whose units are the leaves of a growing text."""

    def __init__(self, source: Source, role: str = "text") -> None:
        super().__init__(role)
        self.source = source
        self.env = getattr(source, "env", {})
        self._settled = 0
        """Units whose leaves are closed."""
        self._waiting: dict[str, list[int]] = {}
        """Units that name a link no definition of which has come yet, by its label."""

    def follow(self, renderer: Renderer | None, *, ended: bool) -> None:
        """Take what the source knows by now. Costs what is new, not what there is.

        Args:
            renderer: Gives heights; `None` while the turn is not laid out.
        """
        closed = self.source.closed
        fresh: list[Unit] = []
        above = self._leaf_above(self._settled)
        for leaf in closed[self._settled :]:
            fresh.append(Unit(leaf, above))
            self._wait(leaf, self._settled + len(fresh) - 1)
            above = leaf
        settled = self._settled + len(fresh)
        if not ended:
            for leaf in self.source.tail():
                fresh.append(Unit(leaf, above, final=False))
                above = leaf
        self.replace_from(self._settled, fresh, renderer)
        self._settled = settled
        self._resolve(renderer)

    def _leaf_above(self, index: int) -> Leaf | None:
        block = self.units[index - 1].block if index else None
        return block if isinstance(block, Leaf) else None

    def _wait(self, leaf: Leaf, index: int) -> None:
        for label in labels(leaf.text) | (labels("\n".join(leaf.lines)) if leaf.kind is Kind.TABLE else set()):
            if label not in self.env.get("references", {}):
                self._waiting.setdefault(label, []).append(index)

    def _resolve(self, renderer: Renderer | None) -> None:
        references = self.env.get("references", {})
        if not references or not self._waiting:
            return
        for label in references.keys() & self._waiting.keys():
            for index in self._waiting.pop(label):
                self.units[index].spoil()
                if renderer is not None:
                    self.heights[index] = self.units[index].height(renderer)


def metrics_block(line: MetricsLine) -> list[Block]:
    """The foot of a turn: nothing while there is nothing to say."""
    return [line] if line.left or line.right else []
