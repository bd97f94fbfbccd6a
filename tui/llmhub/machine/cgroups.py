"""The memory limit of the control group this process is in: what a container really has (Linux)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_NO_LIMIT = 1 << 60
"""Version 1 writes "no limit" as a number near 2**63."""


@dataclass(frozen=True, slots=True)
class GroupLimit:
    """The tightest limit above this process."""

    limit_bytes: int
    free_bytes: int
    """The limit less what cannot be given back: file cache that is not in use counts as free."""


def memory_limit(root: Path = Path("/")) -> GroupLimit | None:
    """The limit in force, `None` without one (or on another system).

    Every group up to the root is asked: a limit further up holds for all below it.
    """
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    found: list[GroupLimit] = []
    for line in groups:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found += _walk(root / "sys/fs/cgroup", path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            mount = root / "sys/fs/cgroup/memory"
            found += _walk(mount, path, "memory.limit_in_bytes", "memory.usage_in_bytes")
    return min(found, key=lambda limit: limit.free_bytes, default=None)


def _walk(mount: Path, path: str, limit_name: str, used_name: str) -> list[GroupLimit]:
    folder = mount / path.lstrip("/")
    if not folder.is_dir():
        folder = mount  # in a container the path may be the host's; what is mounted is then the group itself
    found = []
    while True:
        limit, used = _number(folder / limit_name), _number(folder / used_name)
        if limit is not None and used is not None and 0 < limit < _NO_LIMIT:
            held = max(0, used - _inactive_files(folder / "memory.stat"))
            found.append(GroupLimit(limit, max(0, limit - held)))
        if folder == mount or mount not in folder.parents:
            return found
        folder = folder.parent


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isascii() and text.isdigit() else None


def _inactive_files(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        name, _, value = line.partition(" ")
        if name in {"inactive_file", "total_inactive_file"} and value.isdigit():
            return int(value)
    return 0
