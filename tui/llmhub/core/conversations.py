"""A conversation: a tree of messages from the first day, and a head per lane.

Every change is an *entry*, a small JSON object that is appended to the chat's file; replaying the entries in order
gives the chat again. Text is kept in pieces as it streams, so that a kill loses at most what was not yet appended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from llmhub.core.chat import Message, Part, Role, TextPart, ThinkingPart
from llmhub.core.identity import new_id
from llmhub.core.turns import iso_ms

Entry = dict[str, object]
MAX_LANES = 4


@dataclass(frozen=True, slots=True)
class LaneSetup:
    """One lane: where, which model, which parameters."""

    backend: str
    model: str
    num_ctx: int | None = None
    """What the person asked for; `None` leaves it to the rule of `models.context_to_ask`."""
    max_tokens: int | None = None
    temperature: float | None = None
    think: bool | str | None = None

    def to_entry(self) -> Entry:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_entry(cls, entry: dict[str, Any]) -> LaneSetup:
        """From JSON; unknown keys are left out."""
        return cls(**{key: value for key, value in entry.items() if key in cls.__dataclass_fields__})


@dataclass(slots=True)
class Node:
    """One message in the tree."""

    id: str
    parent: str | None
    lane: int | None
    """The lane that answered; `None` for what the person wrote, which all lanes share."""
    role: Role
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    """Of the thoughts, as in `ThinkingPart`."""
    turn_id: str | None = None
    status: str | None = None
    """The turn's status once it has ended; `None` while it streams or when the app died before it ended."""
    note: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    """What the metrics line shows again when the chat is opened later."""
    thought_s: float | None = None
    thought_tokens: int | None = None
    """How long it thought and in how many pieces, for the line that folds the thoughts."""
    model: str | None = None
    place: dict[str, str] | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """Thoughts, then text."""
        thoughts: tuple[Part, ...] = ()
        if self.thinking or self.details:
            thoughts = (ThinkingPart("".join(self.thinking), "".join(self.details)),)
        return (*thoughts, TextPart("".join(self.text)))

    @property
    def content(self) -> str:
        """The text, whole."""
        return "".join(self.text)

    @property
    def message(self) -> Message:
        """As it is sent to a model."""
        return Message(self.role, self.parts)


@dataclass(slots=True)
class Chat:
    """One conversation. Methods that change it return the entries to save."""

    id: str
    title: str = ""
    title_is_own: bool = False
    system: str = ""
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    lanes: dict[int, LaneSetup] = field(default_factory=dict)
    """The lanes shown, in order, by a number that is never used twice in a chat."""
    nodes: dict[str, Node] = field(default_factory=dict)
    heads: dict[int, str | None] = field(default_factory=dict)
    """The last message of each lane's present path."""
    _next_lane: int = 0

    # -- reading ------------------------------------------------------------------------------

    def path(self, lane: int) -> list[Node]:
        """The messages of a lane's present path, oldest first."""
        out: list[Node] = []
        at = self.heads.get(lane)
        while at is not None and (node := self.nodes.get(at)) is not None:
            out.append(node)
            at = node.parent
        return out[::-1]

    def messages(self, lane: int, upto: str | None = None) -> tuple[Message, ...]:
        """What is sent: the system prompt, then the path to `upto` (default: the head), empty replies left out."""
        head = self.heads.get(lane) if upto is None else upto
        out: list[Message] = []
        while head is not None and (node := self.nodes.get(head)) is not None:
            if node.role == "user" or node.content:
                out.append(_for_model(node, self.lanes.get(lane)))
            head = node.parent
        if self.system:
            out.append(Message.of("system", self.system))
        return tuple(out[::-1])

    def siblings(self, node_id: str) -> list[Node]:
        """The versions of a message, itself included: same parent, same role, same lane; oldest first."""
        node = self.nodes[node_id]
        return [
            other
            for other in self.nodes.values()
            if other.parent == node.parent and other.role == node.role and other.lane == node.lane
        ]

    @property
    def turn_count(self) -> int:
        """Replies of any lane and version."""
        return sum(1 for node in self.nodes.values() if node.role == "assistant")

    # -- changing -----------------------------------------------------------------------------

    def start(self) -> list[Entry]:
        """The entry that a new chat's file begins with."""
        return [{"kind": "chat", "id": self.id, "created_at": iso_ms(self.created_at), "system": self.system}]

    def add_lane(self, setup: LaneSetup) -> tuple[list[Entry], int]:
        """Add a lane; it goes on from where the first lane is, so that both get the same next question.

        Raises:
            ValueError: when there are `MAX_LANES` already.
        """
        if len(self.lanes) >= MAX_LANES:
            raise ValueError(f"at most {MAX_LANES} lanes")
        lane = self._next_lane
        head = next((self.heads.get(other) for other in self.lanes), None)
        entries = self._apply({"kind": "lane", "lane": lane, "setup": setup.to_entry()})
        return entries + self._apply({"kind": "head", "lane": lane, "node": head}), lane

    def set_lane(self, lane: int, setup: LaneSetup) -> list[Entry]:
        """Change a lane's model or parameters."""
        return self._apply({"kind": "lane", "lane": lane, "setup": setup.to_entry()})

    def drop_lane(self, lane: int) -> list[Entry]:
        """Take lane `lane` away. Its messages stay in the tree."""
        return self._apply({"kind": "drop_lane", "lane": lane})

    def rename(self, title: str) -> list[Entry]:
        """Give it the person's own title."""
        return self._apply({"kind": "title", "title": title, "own": True})

    def set_system(self, text: str) -> list[Entry]:
        """Set the system prompt for what is sent from now on."""
        return self._apply({"kind": "system", "text": text})

    def ask(self, text: str, lanes: Iterable[int]) -> tuple[list[Entry], dict[int, str]]:
        """Put a question under each lane's head. Lanes with one head share one node.

        Returns:
            The entries, and the question's node per lane.
        """
        entries: list[Entry] = []
        by_parent: dict[str | None, str] = {}
        asked: dict[int, str] = {}
        for lane in lanes:
            parent = self.heads.get(lane)
            if parent not in by_parent:
                by_parent[parent] = new_id()
                entries += self._apply(
                    {"kind": "node", "id": by_parent[parent], "parent": parent, "role": "user", "text": text}
                )
            asked[lane] = by_parent[parent]
            entries += self._apply({"kind": "head", "lane": lane, "node": by_parent[parent]})
        if not self.title and not self.title_is_own:
            entries += self._apply({"kind": "title", "title": title_from(text), "own": False})
        return entries, asked

    def edit(self, node_id: str, text: str, lanes: Iterable[int]) -> tuple[list[Entry], dict[int, str]]:
        """Ask again with another text: a sibling of question `node_id`, in `lanes`."""
        old = self.nodes[node_id]
        new = new_id()
        entries = self._apply({"kind": "node", "id": new, "parent": old.parent, "role": "user", "text": text})
        asked: dict[int, str] = {}
        for lane in lanes:
            entries += self._apply({"kind": "head", "lane": lane, "node": new})
            asked[lane] = new
        return entries, asked

    def begin_reply(
        self, lane: int, question: str, *, turn_id: str, model: str, place: dict[str, str]
    ) -> tuple[list[Entry], str]:
        """Open an empty reply to `question` in `lane`; it becomes the lane's head."""
        node = new_id()
        entries = self._apply(
            {
                "kind": "node",
                "id": node,
                "parent": question,
                "lane": lane,
                "role": "assistant",
                "turn_id": turn_id,
                "model": model,
                "place": place,
            }
        )
        return entries + self._apply({"kind": "head", "lane": lane, "node": node}), node

    def extend(self, node_id: str, text: str = "", thinking: str = "", details: str = "") -> list[Entry]:
        """Append streamed text; exactly what came, so that disk and stream are equal."""
        if not text and not thinking and not details:
            return []
        entry: Entry = {"kind": "more", "id": node_id, "text": text, "thinking": thinking}
        return self._apply(entry | ({"details": details} if details else {}))

    def finish_reply(
        self,
        node_id: str,
        status: str,
        *,
        note: str | None = None,
        metrics: dict[str, Any] | None = None,
        thought_s: float | None = None,
        thought_tokens: int | None = None,
    ) -> list[Entry]:
        """Close a reply with its turn's status."""
        entry: Entry = {"kind": "end", "id": node_id, "status": status, "note": note, "metrics": metrics or {}}
        if thought_tokens:
            entry |= {"thought_s": thought_s, "thought_tokens": thought_tokens}
        return self._apply(entry)

    def select(self, lane: int, node_id: str) -> list[Entry]:
        """Show another version of a message: the lane's head becomes the newest leaf below it."""
        leaf = node_id
        while children := [n for n in self.nodes.values() if n.parent == leaf and n.lane in {None, lane}]:
            leaf = children[-1].id
        return self._apply({"kind": "head", "lane": lane, "node": leaf})

    # -- replay -------------------------------------------------------------------------------

    @classmethod
    def replay(cls, chat_id: str, entries: Iterable[dict[str, Any]]) -> Chat:
        """The chat that `entries` tell. Entries of an unknown kind are skipped: a newer llmhub wrote them."""
        chat = cls(chat_id)
        for entry in entries:
            chat._take(entry)
        return chat

    def _apply(self, entry: Entry) -> list[Entry]:
        entry["at"] = iso_ms(datetime.now(UTC))
        self._take(entry)
        return [entry]

    def _take(self, entry: dict[str, Any]) -> None:
        if at := entry.get("at"):
            self.updated_at = datetime.fromisoformat(at)
        match entry.get("kind"):
            case "chat":
                self.created_at = datetime.fromisoformat(entry["created_at"])
                self.system = entry.get("system") or ""
            case "title":
                self.title, self.title_is_own = str(entry["title"]), bool(entry.get("own"))
            case "system":
                self.system = str(entry["text"])
            case "lane":
                lane = int(entry["lane"])
                self.lanes[lane] = LaneSetup.from_entry(entry["setup"])
                self.heads.setdefault(lane, None)
                self._next_lane = max(self._next_lane, lane + 1)
            case "drop_lane":
                self.lanes.pop(int(entry["lane"]), None)
                self.heads.pop(int(entry["lane"]), None)
            case "node":
                self.nodes[entry["id"]] = Node(
                    id=entry["id"],
                    parent=entry.get("parent"),
                    lane=entry.get("lane"),
                    role=entry["role"],
                    text=[entry["text"]] if entry.get("text") else [],
                    turn_id=entry.get("turn_id"),
                    model=entry.get("model"),
                    place=entry.get("place"),
                )
            case "more" if node := self.nodes.get(entry["id"]):
                if entry.get("text"):
                    node.text.append(entry["text"])
                if entry.get("thinking"):
                    node.thinking.append(entry["thinking"])
                if entry.get("details"):
                    node.details.append(entry["details"])
            case "end" if node := self.nodes.get(entry["id"]):
                node.status, node.note = entry.get("status"), entry.get("note")
                node.metrics = entry.get("metrics") or {}
                node.thought_s, node.thought_tokens = entry.get("thought_s"), entry.get("thought_tokens")
            case "head":
                self.heads[int(entry["lane"])] = entry.get("node")


@dataclass(frozen=True, slots=True)
class ChatSummary:
    """A line in the list of chats."""

    id: str
    title: str
    updated_at: datetime
    turns: int
    models: tuple[str, ...] = ()


def _for_model(node: Node, setup: LaneSetup | None) -> Message:
    """A message as it is sent; signed thoughts go back to the model that made them and to no other."""
    if not node.details or (setup is not None and setup.model == node.model):
        return node.message
    bare = (replace(part, details="") if isinstance(part, ThinkingPart) else part for part in node.parts)
    return Message(node.role, tuple(bare))


def title_from(text: str) -> str:
    """A title from the first question: its first line, at most 60 characters, cut at a word."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if len(line) <= 60:
        return line
    return line[:59].rsplit(" ", 1)[0] + "…"
