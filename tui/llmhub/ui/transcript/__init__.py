"""The transcript of a lane: one line-cached view for a whole conversation.

    transcript = Transcript()
    transcript.load([Item("n1", "user", "Hello"), Item("n2", "assistant", "**Hi**", header=Header.of(model, place))])
    transcript.add_user("n3", "And?")
    transcript.begin_reply("n4", Header.of(model, place))
    transcript.feed("n4", "Some *Markdown*")            # as it streams; drawn in frames
    transcript.finish("n4", "47.2 tok/s · 412 tok", "~$0.0000300 power")

Everything drawn is data: no markup and no escape of a model's is obeyed.
"""

from llmhub.ui.transcript.lines import Header, Text
from llmhub.ui.transcript.turns import Item
from llmhub.ui.transcript.view import Transcript

__all__ = ["Header", "Item", "Text", "Transcript"]
