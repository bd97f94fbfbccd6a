"""A pull as one truthful bar over the whole model.

The daemon's lines are per layer, may fall, never reach their total, and repeat the same figure while nothing moves
(ollama-api.md, sections 4 and 16). What is shown never falls; the rate comes from the raw figures.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from llmhub.core.models import Manifest, PullEvent

STALL_S = 10.0
"""Seconds without a new figure after which a pull counts as stalled. The daemon itself restarts a part after 30."""
_WINDOW_S = 8.0


class PullPhase(StrEnum):
    """What a pull is doing."""

    STARTING = "starting"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    FINISHING = "finishing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PullProgress:
    """One look at a pull."""

    phase: PullPhase
    completed_bytes: int
    total_bytes: int | None
    """`None` while nothing tells it; with `total_is_whole` false only the layers seen so far (a lower bound)."""
    total_is_whole: bool
    per_s: float | None
    left_s: float | None
    stalled_s: float | None
    """Seconds since the last new figure, once that is longer than `STALL_S`."""

    @property
    def fraction(self) -> float | None:
        """0 to 1, only where the total is the whole model's."""
        if self.phase is PullPhase.DONE:
            return 1.0
        if not self.total_is_whole or not self.total_bytes:
            return None
        return min(1.0, self.completed_bytes / self.total_bytes)


class PullMeter:
    """Turns status lines into `PullProgress`.

    Args:
        manifest: What the registry says will come; without it the total is only that of the layers seen.
        now: Monotonic seconds at the start.
    """

    def __init__(self, manifest: Manifest | None, *, now: float) -> None:
        self._total = manifest.size_bytes if manifest else None
        self._known = {layer.digest: layer.size_bytes for layer in manifest.layers} if manifest else {}
        self._raw: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._high = 0
        self._phase = PullPhase.STARTING
        self._moved_at = now
        self._samples: deque[tuple[float, int]] = deque([(now, 0)])
        self._last_digest: str | None = None

    @property
    def phase(self) -> PullPhase:
        """What the last line said is being done."""
        return self._phase

    def learn(self, manifest: Manifest) -> None:
        """Take the registry's word for what will come, when it arrives after the first lines."""
        self._total = manifest.size_bytes
        self._known = {layer.digest: layer.size_bytes for layer in manifest.layers}
        self._high = min(self._high, self._total)

    def resumed(self, now: float) -> None:
        """The pull was closed and is asked for again: the daemon counts anew, what is shown does not fall."""
        self._raw.clear()
        self._phase = PullPhase.STARTING
        self._moved_at = now
        self._samples = deque([(now, 0)])
        self._last_digest = None

    def observe(self, event: PullEvent, now: float) -> None:
        """Take one line into account; `now` is monotonic seconds."""
        status = event.status
        if event.digest:
            self._phase = PullPhase.DOWNLOADING
            if event.digest != self._last_digest:
                self._finish_layer(self._last_digest)
                self._last_digest = event.digest
                if event.completed_bytes and event.digest not in self._raw:
                    # already on disk or resumed: not work of this pull, so it must not count as speed
                    self._shift(event.completed_bytes)
            if event.total_bytes:
                self._sizes[event.digest] = event.total_bytes
            if self._raw.get(event.digest) != event.completed_bytes:
                self._raw[event.digest] = event.completed_bytes
                self._moved(now)
            self._raise()
            return
        if status == "success":
            self._finish_all()
            self._phase = PullPhase.DONE
        elif status.startswith("verifying"):
            self._finish_all()
            self._phase = PullPhase.VERIFYING
        elif status.startswith(("writing", "removing", "couldn't remove")):
            self._finish_all()
            self._phase = PullPhase.FINISHING
        self._moved_at = now
        self._raise()

    def progress(self, now: float) -> PullProgress:
        """How far it is at `now`."""
        whole, total = self._total is not None, self._whole
        downloading = self._phase is PullPhase.DOWNLOADING
        rate = self._rate(now) if downloading else None
        silent = now - self._moved_at
        stalled = silent if downloading and silent >= STALL_S else None
        left = None
        if rate and whole and total and not stalled:
            left = max(0.0, (total - self._high) / rate)
        return PullProgress(self._phase, self._high, total, whole, None if stalled else rate, left, stalled)

    @property
    def _whole(self) -> int | None:
        return self._total if self._total is not None else (sum(self._sizes.values()) or None)

    def _raise(self) -> None:
        """Keep the highest figure: what is shown never falls."""
        raw, total = sum(self._raw.values()), self._whole
        self._high = max(self._high, raw if total is None else min(raw, total))

    def _moved(self, now: float) -> None:
        self._moved_at = now
        self._samples.append((now, sum(self._raw.values())))
        while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW_S:
            self._samples.popleft()

    def _shift(self, by: int) -> None:
        self._samples = deque((at, count + by) for at, count in self._samples)

    def _rate(self, now: float) -> float | None:
        (then, before), (last, count) = self._samples[0], self._samples[-1]
        span = max(now, last) - then
        return (count - before) / span if span >= 0.5 and count > before else None

    def _finish_layer(self, digest: str | None) -> None:
        if digest is not None and digest in self._raw:
            size = self._sizes.get(digest) or self._known.get(digest)
            if size:
                self._raw[digest] = max(self._raw[digest], size)

    def _finish_all(self) -> None:
        for digest in list(self._raw):
            self._finish_layer(digest)
        for digest, size in self._known.items():
            self._raw[digest] = max(self._raw.get(digest, 0), size)
