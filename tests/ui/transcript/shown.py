"""An app with nothing but a transcript, and a text to show in it."""

from __future__ import annotations

from pathlib import Path

from textual.app import App, ComposeResult
from textual.events import Event
from textual.message import Message
from textual.pilot import Pilot

from llmhub.core.places import OLLAMA_CLOUD, THIS_MACHINE
from llmhub.ui.transcript import Header, Item, Transcript
from ui.transcript.sheets import COLOURED

assert COLOURED  # the lexers that texts here need are loaded with it

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

```sh
echo "$HOME"
```
"""


class Shown(App[None]):
    """The transcript, and the messages it sent."""

    CSS = "Transcript { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.transcript = Transcript(clock=lambda: 0.0)
        self.told: list[Message] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"cost-local": "#00aa00", "cost-cloud": "#aaaa00"}

    def compose(self) -> ComposeResult:
        yield self.transcript

    async def on_event(self, event: Event) -> None:
        await super().on_event(event)

    async def _on_message(self, message: Message) -> None:
        if getattr(message, "transcript", None) is not None:
            self.told.append(message)
        await super()._on_message(message)


def talk(turns: int, text: str = "A short answer with some **words**.\n") -> list[Item]:
    """A stored chat of that many questions and as many answers."""
    items: list[Item] = []
    for number in range(turns):
        items.append(Item(f"q{number}", "user", f"Question {number}?"))
        items.append(Item(f"a{number}", "assistant", f"Answer {number}. {text}", header=LOCAL, left="47 tok/s"))
    return items


def drawn(app: App[None]) -> str:
    """What the terminal shows, one line per row, without colour."""
    width = app.size.width - 1  # without the scrollbar
    strips = [strip.crop(0, width) for strip in app.screen._compositor.render_strips()]
    return "\n".join(strip.text.rstrip() for strip in strips).rstrip() + "\n"


async def settled(pilot: Pilot[None]) -> None:
    """Every frame that is due was drawn, every message was handled."""
    app = pilot.app
    assert isinstance(app, Shown)
    app.transcript.flush()
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


GOLDENS = Path(__file__).parent / "goldens"
