"""What the Models mode says of a model, in the words of a column or of a sentence."""

from __future__ import annotations

from datetime import date, datetime

from llmhub import formats
from llmhub.core.models import InstalledModel, LoadedModel
from llmhub.core.names import name_key
from llmhub.core.plain import one_line
from llmhub.ui.models.rows import ModelRow

UNKNOWN = formats.UNKNOWN
_ABILITIES = ("tools", "thinking", "vision", "audio", "embedding", "insert", "image")
_BRIEF = {"thinking": "think", "embedding": "embed"}


def fit_name(name: str, width: int) -> str:
    """`name` in `width` columns: cut in its middle, because both its beginning and its tag tell it from others."""
    if formats.cells(name) <= width:
        return name
    tail = min(len(name), max(1, width * 2 // 3))
    while formats.cells(name[-tail:]) > max(1, width * 2 // 3):
        tail -= 1
    return f"{formats.fit(name, width - formats.cells(name[-tail:])).removesuffix('…')}…{name[-tail:]}"


def of(text: str | None) -> str:
    """A word of the daemon's, or `—`."""
    return one_line(text) if text else UNKNOWN


def abilities(capabilities: frozenset[str] | None, width: int | None = None) -> str:
    """`tools, thinking`; in a column of `width` cells `tools think` or `tools +1`. Completion goes without saying."""
    if capabilities is None:
        return UNKNOWN
    known = [word for word in _ABILITIES if word in capabilities]
    known += sorted(one_line(word) for word in capabilities - {*_ABILITIES, "completion"})
    if not known:
        return "chat" if "completion" in capabilities else UNKNOWN
    if width is None:
        return ", ".join(known)
    brief = [_BRIEF.get(word, word) for word in known]
    all_of_them = " ".join(brief)
    return all_of_them if len(all_of_them) <= width else f"{brief[0]} +{len(brief) - 1}"


def last_used(day: date | None, now: datetime) -> str:
    """`today`, `yesterday`, `12 d ago`; days, because that is what the ledger adds up by."""
    if day is None:
        return UNKNOWN
    days = (now.astimezone().date() - day).days
    return "today" if days <= 0 else "yesterday" if days == 1 else f"{days} d ago"


def loaded(row: ModelRow, now: datetime, width: int) -> str:
    """`GPU, 4 m`, `75 % GPU`, `loading …`; empty when it is not in memory, or runs elsewhere."""
    if row.job is not None:
        return f"{row.job} …" if len(row.job) + 2 <= width else str(row.job)
    if row.loaded is None or not row.model.place.is_local:
        return ""
    where = split(row.loaded)
    whole = f"{where}, {leaves(row.loaded, now)}"
    return whole if len(whole) <= width else where


def split(entry: LoadedModel) -> str:
    """Where a loaded model's memory is: `GPU`, `CPU`, `75 % GPU`."""
    share = entry.gpu_fraction
    if share is None:
        return "loaded"
    percent = round(share * 100)
    return "GPU" if percent == 100 else "CPU" if percent == 0 else f"{percent} % GPU"


def leaves(entry: LoadedModel, now: datetime) -> str:
    """When the daemon lets go of it: `4 m`, `never`; `leaving` when that moment has passed."""
    if entry.expires_at is not None and entry.expires_at <= now and not entry.never_expires:
        return "leaving"
    return formats.expires(entry.expires_at, never=entry.never_expires, now=now)


def headline(models: tuple[InstalledModel, ...]) -> str:
    """`14 models, 96.2 GiB on disk`. Names of one digest are one model on disk; cloud stubs hold nothing here."""
    sizes = {model.digest or model.name: model.size_bytes for model in models if model.place.is_local}
    number = f"{len(models)} model{'' if len(models) == 1 else 's'}"
    if any(known is None for known in sizes.values()):
        return number
    return f"{number}, {formats.size(sum(known or 0 for known in sizes.values()))} on disk"


def about(row: ModelRow, everything: tuple[InstalledModel, ...], now: datetime) -> tuple[str, str, str]:
    """Three lines about the selected model: what it is, where it is now, what it is on disk."""
    model = row.model
    kind = " ".join(one_line(word) for word in (model.parameter_size, model.quantization) if word)
    facts = [word for word in (kind, one_line(model.family or "")) if word]
    if model.context_trained:
        facts.append(f"trained {model.context_trained:,}")
    if model.capabilities is not None:
        facts.append(abilities(model.capabilities))
    first = f"{one_line(model.name)}   {' · '.join(facts)}"
    return first.rstrip(), _where(row, now), _on_disk(model, everything, now)


def _where(row: ModelRow, now: datetime) -> str:
    model, entry = row.model, row.loaded
    if row.job is not None:
        return f"{row.job} …"
    if not model.place.is_local:
        served = f" as {one_line(model.remote_model)}" if model.remote_model else ""
        return f"runs in {model.place.words}{served}: what you send leaves this machine"
    if entry is None:
        return f"not loaded · {model.place.words}"
    facts = [f"loaded · {_split_words(entry)}"]
    if entry.context_tokens:
        facts.append(f"context {entry.context_tokens:,}")
    if entry.never_expires:
        facts.append("stays")
    elif entry.expires_at is not None:
        until = leaves(entry, now)
        facts.append("is leaving now" if until == "leaving" else f"leaves in {until} unless used")
    return " · ".join(facts)


def _split_words(entry: LoadedModel) -> str:
    where = split(entry)
    if where == "loaded":
        return "the daemon's figures for it make no sense"
    if where in {"GPU", "CPU"}:
        return f"{formats.size(entry.size_bytes)}, all on the {where}"
    rest = formats.size(entry.size_bytes - entry.vram_bytes)
    return f"{formats.size(entry.vram_bytes)} on the GPU, {rest} on the CPU"


def _on_disk(model: InstalledModel, everything: tuple[InstalledModel, ...], now: datetime) -> str:
    facts = []
    if model.place.is_local:
        facts.append(f"{formats.size(model.size_bytes)} on disk")
    if model.modified_at is not None:
        facts.append(f"changed {formats.ago(model.modified_at, now)}")
    if model.digest:
        facts.append(one_line(model.digest)[:12])
        twins = [
            one_line(other.name)
            for other in everything
            if other.digest == model.digest and name_key(other.name) != name_key(model.name)
        ]
        if twins:
            facts.append(f"also named {', '.join(twins)}")
    return " · ".join(facts)
