"""The header of a GGUF file on this computer: whole, sparse, a header alone, or one of several."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from pathlib import Path

from llmhub.core.gguf.errors import FETCH_AGAIN, GgufError
from llmhub.core.gguf.facts import facts_of_header
from llmhub.core.gguf.header import Header, NeedMore, next_read, read_header
from llmhub.core.gguf.limits import FIRST_READ_BYTES, MAX_TENSORS
from llmhub.core.models import Tensor
from llmhub.core.plain import one_line
from llmhub.core.sizing.facts import ModelFacts

_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<end>\.gguf)", re.DOTALL | re.IGNORECASE)


def read_file_header(path: Path) -> Header:
    """The whole header, tensors included.

    Reads 256 KiB and then twice as much, as long as the header goes on. A file that ends before its data does (a header
    alone, a download that was cut) is as good as a whole one: `file_bytes` is then what it would have. Of a model in
    several files any one may be named: keys are those of the first, tensors and bytes those of all.

    Raises:
        GgufError: there is no such file, it cannot be read, it is not GGUF, or a file of several is missing.
    """
    match = _SHARD.fullmatch(path.name)
    if match is None or match["count"] == "00001":
        header = _read_one(path)
        if (header.split_count or 1) > 1:
            raise GgufError(
                f"it is one of {header.split_count:,} files of a model, but its name does not tell the others",
                _called(path),
                "give all of them the names they were published under: …-00001-of-0000N.gguf",
            )
        return header
    count = int(match["count"])
    if not 1 <= int(match["number"]) <= count:
        raise GgufError(f"there is no file {int(match['number']):,} of {count:,}", _called(path), "check the name")
    return _read_shards(
        [
            path.with_name(f"{match['stem']}-{number:05}-of-{match['count']}{match['end']}")
            for number in range(1, count + 1)
        ]
    )


def facts_of_file(path: Path) -> ModelFacts:
    """What the file tells of the model.

    Raises:
        GgufError: as `read_file_header`.
    """
    header = read_file_header(path)
    return facts_of_header(header, None, f"the header of {one_line(path.name, 120)}")


def _read_shards(paths: list[Path]) -> Header:
    first: Header | None = None
    tensors: dict[str, Tensor] = {}
    count = file_bytes = 0
    data_bytes: int | None = 0
    for path in paths:
        header = _read_one(path, of=len(paths))
        if header.split_count not in (None, len(paths)):
            raise GgufError(
                f"the file says that it is one of {header.split_count:,}, its name one of {len(paths):,}",
                _called(path),
                "give it the name it was published under",
            )
        first = first or header
        tensors |= {tensor.name: tensor for tensor in header.tensors}
        count += header.tensor_count
        if len(tensors) != count:
            raise GgufError("two files of one model hold the same tensor", _called(path), FETCH_AGAIN)
        if count > MAX_TENSORS:
            raise GgufError(f"more than {MAX_TENSORS:,} tensors make no sense", _called(path), FETCH_AGAIN)
        file_bytes += header.file_bytes or 0
        data_bytes = None if data_bytes is None or header.data_bytes is None else data_bytes + header.data_bytes
    assert first is not None
    told = first.metadata.get("split.tensors.count")
    if isinstance(told, int) and told != count:
        raise GgufError(f"{told:,} tensors should be there, {count:,} are", _called(paths[0]), FETCH_AGAIN)
    return replace(
        first,
        tensors=tuple(tensors.values()),
        tensor_count=count,
        offsets=(),
        data_bytes=data_bytes,
        file_bytes=file_bytes,
        shards=len(paths),
    )


def _read_one(path: Path, of: int = 1) -> Header:
    name = _called(path)
    try:
        told = path.stat()
        if stat.S_ISDIR(told.st_mode):
            raise GgufError("it is a folder", name, "name the .gguf file in it")
        if not stat.S_ISREG(told.st_mode):
            # a pipe would be waited for
            raise GgufError("it is no ordinary file", name, "name a .gguf file")
        if not told.st_size:
            raise GgufError("the file is empty", name, FETCH_AGAIN)
        return _read_progressively(path, name, told.st_size)
    except FileNotFoundError:
        if of > 1:
            remedy = f"put all {of:,} files into one folder"
            raise GgufError("a file of a model in several is missing", name, remedy) from None
        raise GgufError("there is no such file", name, "check the path") from None
    except PermissionError:
        raise GgufError("the file may not be read", name, "give yourself the right to read it") from None
    except (OSError, ValueError) as error:
        # ValueError: a path with a null character in it
        words = getattr(error, "strerror", None) or str(error)
        raise GgufError(
            f"the file cannot be read: {one_line(words, 120)}", name, "check the path and the disk"
        ) from error


def _read_progressively(path: Path, name: str, size: int) -> Header:
    with path.open("rb") as file:
        data = file.read(FIRST_READ_BYTES)
        while True:
            found = read_header(data, with_tensors=True, name=name)
            if isinstance(found, Header):
                if found.header_bytes is None or found.data_bytes is None:
                    return replace(found, file_bytes=size)
                return replace(found, file_bytes=max(size, found.header_bytes + found.data_bytes))
            wanted = next_read(found, len(data), size, name=name)
            more = file.read(wanted - len(data))
            if not more:
                # it became shorter while it was read
                next_read(NeedMore(found.at_least_bytes), len(data), len(data), name=name)
            data += more


def _called(path: Path) -> str:
    return one_line(str(path), 200)
