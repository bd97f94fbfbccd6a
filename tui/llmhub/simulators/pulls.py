"""`/api/pull`: lines every 60 ms, resumed where the last one stopped, shared by all who pull the same blob."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from llmhub.simulators import names
from llmhub.simulators.clock import Clock
from llmhub.simulators.exchange import Exchange
from llmhub.simulators.faults import Fault, FaultKind
from llmhub.simulators.library import Library
from llmhub.simulators.orders import Refusal
from llmhub.simulators.registry import Blob, Package, Registry
from llmhub.simulators.script import OllamaScript, PullScript
from llmhub.simulators.wire import dumps, line

_NS = 1_000_000_000
NDJSON = "application/x-ndjson"
JSON = "application/json; charset=utf-8"
BAD_QUANT = (
    '400: {"error":"The specified tag is not a valid quantization scheme. Please use another tag or \\"latest\\""}'
)


@dataclass(slots=True)
class PullRecord:
    """What became of one pull; tests and the demo read it."""

    name: str
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    lines: int = 0
    completed_bytes: int = 0
    """Of the layer that was being fetched last."""


@dataclass(slots=True)
class _Transfer:
    """The parts of one blob on the disk; they stay when nobody pulls."""

    total: int
    completed: float = 0.0
    listeners: int = 0
    seen_ns: int = 0
    """Up to when progress has been counted."""
    stepped_back: bool = False
    stalled: bool = False
    stalled_until_ns: int = 0

    def advance(self, now_ns: int, script: PullScript) -> None:
        """Count what has arrived since the last look.

        Raises:
            _FailedError: the transfer fails here, with the daemon's words.
        """
        if now_ns <= self.seen_ns or now_ns < self.stalled_until_ns:
            return
        since = max(self.seen_ns, self.stalled_until_ns)
        self.seen_ns = now_ns
        if math.isinf(script.bytes_per_s):
            reached = float(self.total)
        else:
            reached = self.completed + (now_ns - since) / _NS * script.bytes_per_s
        if script.fail_at is not None and reached >= script.fail_at * self.total:
            self.completed = script.fail_at * self.total
            raise _FailedError(script.fail_text)
        if script.stall_at is not None and not self.stalled and reached >= script.stall_at * self.total:
            self.stalled = True
            self.completed = script.stall_at * self.total
            self.stalled_until_ns = now_ns + round(script.stall_s * _NS)
            return
        if script.step_back_at is not None and not self.stepped_back and reached >= script.step_back_at * self.total:
            self.stepped_back = True
            reached = max(0.0, reached - script.step_back * self.total)
        self.completed = min(float(self.total), reached)

    def left_s(self, now_ns: int, script: PullScript) -> float:
        """Seconds until it is whole, when nothing happens."""
        wait = max(0, self.seen_ns - now_ns, self.stalled_until_ns - now_ns) / _NS
        return wait + (self.total - self.completed) / script.bytes_per_s


class _FailedError(Exception):
    """A pull fails; the text is the daemon's."""


class _CutError(Exception):
    """The stream ends here, cleanly, with nothing said."""


class Puller:
    """Serves the pulls of one simulated daemon."""

    def __init__(self, script: OllamaScript, clock: Clock, library: Library, registry: Registry) -> None:
        self._script = script
        self._clock = clock
        self._library = library
        self._registry = registry
        self._transfers: dict[str, _Transfer] = {}
        self._next: deque[PullScript] = deque()
        self.records: list[PullRecord] = []

    def script_next(self, *scripts: PullScript) -> None:
        """The next pulls go this way, one each."""
        self._next.extend(scripts)

    def partial_bytes(self, digest: str) -> int:
        """What lies on the disk of a blob that is not whole."""
        transfer = self._transfers.get(digest)
        return int(transfer.completed) if transfer else 0

    async def answer(self, exchange: Exchange, body: dict[str, Any], fault: Fault | None) -> None:
        """Serve one pull.

        Raises:
            Refusal: 400 before the first line; with `stream: false` 500 for everything else.
        """
        name = str(body.get("model") or body.get("name") or "")
        if not name or not names.is_valid(name):
            raise Refusal(400, "invalid model name")
        record = PullRecord(names.shown(name))
        self.records.append(record)
        pull = _Pull(self._clock, exchange, record, fault, streams=body.get("stream") is not False)
        try:
            await self._pull(pull, name, insecure=bool(body.get("insecure")))
            record.state = "done"
        except _FailedError as error:
            record.state = "failed"
            if not pull.streams:
                raise Refusal(500, str(error)) from error
            await pull.say({"error": str(error)})
        except _CutError:
            record.state = "failed"
        except BaseException:
            record.state = "cancelled"
            raise
        if pull.streams:
            await exchange.end()
        else:
            await exchange.respond(200, dumps({"status": "success"}).encode(), JSON)

    async def _pull(self, pull: _Pull, name: str, *, insecure: bool) -> None:
        await pull.say({"status": "pulling manifest"})
        script = self._next.popleft() if self._next else self._script.pull_of(name)
        found = self._look_up(name, script, insecure=insecure)
        fresh = 0
        for layer in found.layers:
            if layer.digest in self._library.blobs:
                await pull.progress(layer, layer.size_bytes)
            else:
                await self._fetch(pull, layer, script, largest=layer is found.layers[0])
                fresh += layer.size_bytes
        await pull.say({"status": "verifying sha256 digest"})
        await self._clock.sleep(fresh / script.verify_bytes_per_s)
        weights = found.layers[0]
        if script.corrupt:
            self._transfers.pop(weights.digest, None)
            self._library.blobs.discard(weights.digest)
            got = weights.digest[:-8] + "00c0ffee"
            raise _FailedError(f"digest mismatch, file must be downloaded again: want {weights.digest}, got {got}")
        await pull.say({"status": "writing manifest"})
        for layer in found.layers:
            self._transfers.pop(layer.digest, None)
        if found.model is not None:
            self._library.install(name, found.model, found, self._clock.wall_ns())
        if script.removes_old_layers:
            await pull.say({"status": "removing unused layers"})
        await pull.say({"status": "success"})

    def _look_up(self, name: str, script: PullScript, *, insecure: bool) -> Package:
        if script.error is not None:
            raise _FailedError(script.error)
        host, namespace, model, tag = names.split(name)
        found = self._registry.find(name)
        if found is not None and found.model is not None:
            return found
        if ":" in host:  # a registry of one's own, which nobody runs here
            scheme = "http" if insecure else "https"
            where = f"{scheme}://{host}/v2/{namespace}/{model}/manifests/{tag}"
            problem = f"dial tcp {host}: connect: connection refused" if insecure else "EOF"
            raise _FailedError(f'pull model manifest: Get "{where}": {problem}')
        if host in ("hf.co", "huggingface.co") and self._repository_known(namespace, model):
            raise _FailedError(f"pull model manifest: {BAD_QUANT}")
        raise _FailedError("pull model manifest: file does not exist")

    def _repository_known(self, namespace: str, model: str) -> bool:
        return any(names.split(known.name)[1:3] == (namespace, model) for known in self._script.registry)

    async def _fetch(self, pull: _Pull, layer: Blob, script: PullScript, *, largest: bool) -> None:
        transfer = self._transfers.setdefault(layer.digest, _Transfer(layer.size_bytes))
        calm = script if largest else PullScript(script.bytes_per_s, script.tick_s, script.first_byte_s)
        if largest and script.disk_free_bytes is not None and script.disk_free_bytes < layer.size_bytes:
            file = layer.digest.replace(":", "-")
            raise _FailedError(f"write /models/blobs/{file}-partial: no space left on device")
        if not transfer.listeners:
            transfer.seen_ns = self._clock.monotonic_ns() + round(script.first_byte_s * _NS)
        transfer.listeners += 1
        try:
            while transfer.completed < transfer.total:
                left = transfer.left_s(self._clock.monotonic_ns(), calm)
                await self._clock.sleep(min(script.tick_s, left + 1e-6))
                transfer.advance(self._clock.monotonic_ns(), calm)
                pull.record.completed_bytes = int(transfer.completed)
                if transfer.completed < transfer.total:
                    await pull.progress(layer, int(transfer.completed))
        finally:
            transfer.listeners -= 1
        self._library.blobs.add(layer.digest)
        if not self._script.modern:
            # 0.24 repeats its last line with the whole figure, 0.32 does not (ollama-api.md, 16, 12)
            await pull.progress(layer, layer.size_bytes)


class _Pull:
    """The lines of one pull."""

    def __init__(
        self, clock: Clock, exchange: Exchange, record: PullRecord, fault: Fault | None, *, streams: bool
    ) -> None:
        self._clock = clock
        self._exchange = exchange
        self.record = record
        self._fault = fault
        self.streams = streams

    async def progress(self, layer: Blob, completed: int) -> None:
        """A progress line; `completed` is left out while it is 0."""
        body: dict[str, Any] = {
            "status": f"pulling {layer.digest.removeprefix('sha256:')[:12]}",
            "digest": layer.digest,
            "total": layer.size_bytes,
        }
        if completed:
            body["completed"] = completed
        await self.say(body)

    async def say(self, body: dict[str, Any]) -> None:
        """One line, unless the client asked for none; a fault may strike before it."""
        if not self.streams:
            return
        if not self._exchange.started:
            await self._exchange.start(200, NDJSON)
        if self._fault is not None and self.record.lines == self._fault.after:
            await self._fail(self._fault)
        self.record.lines += 1
        await self._exchange.send(line(body))

    async def _fail(self, fault: Fault) -> None:
        if fault.kind is FaultKind.STALL:
            await self._clock.sleep(fault.seconds)
        elif fault.kind is FaultKind.MALFORMED:
            await self._exchange.send(b'{"status":"pulling\n')
        elif fault.kind is FaultKind.RESET:
            self._exchange.reset()
        elif fault.kind is FaultKind.CLOSE:
            self._exchange.cut()
        elif fault.kind in (FaultKind.CUT, FaultKind.HALF_LINE):
            if fault.kind is FaultKind.HALF_LINE:
                await self._exchange.send(b'{"status":"pulling 4502cff')
            raise _CutError
