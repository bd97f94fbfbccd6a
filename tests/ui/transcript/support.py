"""An app with nothing but a transcript, and texts to show in it."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.message import Message

from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE
from llmhub.ui.transcript import Header, Transcript, highlight

LOCAL = Header.of("qwen3:8b", THIS_MACHINE)
CLOUD = Header.of("gpt-oss:120b-cloud", OLLAMA_CLOUD)

MIXED = """\
# Merge sort

Merge sort splits the list in two, **sorts** each half, and *merges* them, which is `O(n log n)`:

1. A list of one element is sorted.
2. Otherwise cut it in the middle and sort both halves, each by the very same rule, until nothing is left to cut.
   - left
   - right, with ~~doubts~~
3. Merge.

- [x] stable
- [ ] in place

```python
def merge_sort(xs):
    if len(xs) < 2:
        return xs  # done
```

> It divides,
> and it conquers. See [the docs](https://example.org/sort) or https://example.org/x.

| method | time | notes |
|---|---:|---|
| merge | n log n | needs memory for the second list while it merges |
| bubble | n² | `never` |

---

日本語のテキストも正しい幅で折り返されます。絵文字も👍そのまま。日本語のテキストも正しい幅で折り返されます。
"""


class Shown(App[None]):
    """The transcript, and the messages it sent."""

    CSS = "Transcript { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.transcript = Transcript()
        self.told: list[Message] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"cost-local": "#00aa00", "cost-cloud": "#aaaa00"}

    def compose(self) -> ComposeResult:
        yield self.transcript

    def on_event_told(self, message: Message) -> None:
        self.told.append(message)


for name in (
    "TurnFocused",
    "Copied",
    "NothingToCopy",
    "EditRequested",
    "AgainRequested",
    "ThinkingToggled",
    "LinkClicked",
    "FindRequested",
    "FindMoved",
    "BackToPrompt",
):
    handler = getattr(Transcript, name).handler_name
    setattr(Shown, handler, lambda self, message: self.told.append(message))


def drawn(app: App[None]) -> str:
    """What the terminal shows, one line per row, without colour."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips).rstrip() + "\n"


def everything(transcript: Transcript) -> list[str]:
    """Every row of the whole conversation, also what is not on the screen."""
    document = transcript._document
    out: list[str] = []
    for number in range(len(document.turns)):
        document.turn_ready(number)
        for section_number, section in enumerate(document.turns[number].sections):
            for unit in range(len(section.units)):
                out += [row.strip.text.rstrip() for row in document.rows_of(_spot(number, section_number, unit))]
    return out


def _spot(number: int, section: int, unit: int):  # type: ignore[no-untyped-def]
    from llmhub.ui.transcript.document import Spot

    return Spot(number, section, unit)


highlight.load("python")
