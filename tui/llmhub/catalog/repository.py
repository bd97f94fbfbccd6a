"""The files of a Hugging Face repository: which are models, which belong together, what each is called in a pull."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmhub.core.plain import plain

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})", re.ASCII)
_LABEL = re.compile(
    r"(?:^|[-_.])(?P<label>(?:UD-)?(?:I?Q\d\d?(?:_[0-9A-Z]+)*|TQ\d_\d|BF16|F16|FP16|F32|FP32|MXFP4(?:_MOE)?|NVFP4))"
    r"(?=$|[-_.])",
    re.IGNORECASE | re.ASCII,
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ENDING = ".gguf"
_LONGEST_PATH = 1024
DEFAULT_LABEL = "Q4_K_M"
_PROJECTORS = ("F16", "BF16", "Q8_0", "F32")
"""Which projector is taken where there are several, the first that there is."""


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """One file of a listing."""

    path: str
    size_bytes: int | None
    sha256: str | None = None
    """Of its content, 64 hex; `None` where the listing names only a commit's object."""


@dataclass(frozen=True, slots=True)
class RepositoryModel:
    """One model of a repository: a file, or the parts of one."""

    label: str
    """Its quantization as the file's name says it, `Q4_K_M`; the bare file name where it says none."""
    files: tuple[RepositoryFile, ...]
    """In their order."""
    parts: int = 1
    """As the names count them."""

    @property
    def size_bytes(self) -> int | None:
        """All parts; `None` when one is missing or has no size."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes or len(sizes) != self.parts else sum(size or 0 for size in sizes)

    @property
    def file_name(self) -> str:
        """Of the first part, without its folder."""
        return self.files[0].path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Repository:
    """What of a listing counts."""

    models: tuple[RepositoryModel, ...] = ()
    """In the order of the listing."""
    projectors: tuple[RepositoryFile, ...] = ()
    """Vision or audio parts in files of their own (`mmproj`)."""

    @property
    def projector(self) -> RepositoryFile | None:
        """The one that would go with a model."""

        def rank(file: RepositoryFile) -> int:
            label = label_of(_stem(file.path))
            return _PROJECTORS.index(label) if label in _PROJECTORS else len(_PROJECTORS)

        return min(self.projectors, key=rank, default=None)

    def find(self, tag: str) -> RepositoryModel | None:
        """The model that a tag means: a quantization in any case, or a file's name.

        `latest` means none in particular: Q4_K_M, else the first with four bits, else the first.
        """
        wanted = tag.lower()
        for model in self.models:
            if wanted in {model.label.lower(), model.file_name.lower(), _stem(model.file_name).lower()}:
                return model
        return self._default() if wanted == "latest" else None

    def _default(self) -> RepositoryModel | None:
        for model in self.models:
            if model.label.upper() == DEFAULT_LABEL:
                return model
        four_bit = (model for model in self.models if re.match(r"(UD-)?(I?Q4|MXFP4)", model.label, re.IGNORECASE))
        return next(four_bit, None) or next(iter(self.models), None)


def read_repository(entries: Iterable[Any]) -> Repository:
    """A repository from the entries of its listing; what is no file with a name is left out."""
    files = [file for entry in entries if (file := _file(entry)) is not None]
    models: dict[str, list[tuple[int, RepositoryFile]]] = {}
    counts: dict[str, int] = {}
    projectors = []
    for file in files:
        name = file.path.rpartition("/")[2].lower()
        if not name.endswith(_ENDING) or "imatrix" in name:
            continue
        if name.startswith("mmproj"):
            projectors.append(file)
        else:
            stem = file.path[: -len(_ENDING)]
            shard = _SHARD.fullmatch(stem)
            key = f"{shard['stem']}-of-{shard['count']}" if shard else stem
            models.setdefault(key, []).append((int(shard["number"]) if shard else 1, file))
            counts[key] = int(shard["count"]) if shard else 1
    found = [
        RepositoryModel(
            _label(parts[0][1].path), tuple(file for _, file in sorted(parts, key=lambda p: p[0])), counts[key]
        )
        for key, parts in models.items()
    ]
    return Repository(tuple(found), tuple(projectors))


def label_of(stem: str) -> str | None:
    """The quantization that a file's name says, in its usual spelling; `None` when it says none.

    The last one counts: `Qwen3-8B-Q8_0-imat-Q4_K_M` is a Q4_K_M.
    """
    found = [match["label"] for match in _LABEL.finditer(stem)]
    return found[-1].upper().replace("FP16", "F16").replace("FP32", "F32") if found else None


def _label(path: str) -> str:
    """Of the file's name, else of its folder's."""
    return label_of(_stem(path)) or label_of(path.rpartition("/")[0].rpartition("/")[2]) or _stem(path)


def _stem(path: str) -> str:
    """A file's name without folder, ending and the number of its part."""
    name = path.rpartition("/")[2]
    stem = name[: -len(_ENDING)] if name.lower().endswith(_ENDING) else name
    shard = _SHARD.fullmatch(stem)
    return shard["stem"] if shard else stem


def _file(entry: Any) -> RepositoryFile | None:
    if not isinstance(entry, Mapping) or entry.get("type", "file") != "file":
        return None
    path = entry.get("path")
    # a name with controls or steps upwards is nobody's model
    if not isinstance(path, str) or not 0 < len(path) <= _LONGEST_PATH or plain(path) != path or "\n" in path:
        return None
    if ".." in path.split("/") or path.startswith("/"):
        return None
    lfs = entry.get("lfs")
    lfs = lfs if isinstance(lfs, Mapping) else {}
    size = next((size for size in (lfs.get("size"), entry.get("size")) if type(size) is int and size >= 0), None)
    oid = lfs.get("oid")
    return RepositoryFile(path, size, oid if isinstance(oid, str) and _SHA256.fullmatch(oid) else None)
