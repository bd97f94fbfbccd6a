"""Writing small files of ours: whole or not at all, and for nobody else's eyes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_private_folder(folder: Path) -> None:
    """Make `folder` and what leads to it; the folders made here are for their owner alone.

    Raises:
        OSError: when it cannot be made, or is something else.
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_private_folder(folder.parent)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step; a reader sees the old file or the new one.

    A link is followed, so that a file kept elsewhere (a folder of dotfiles) stays there, with the rights it has.

    Raises:
        OSError: when it cannot be written; the old file is as it was.
    """
    target = path.resolve()
    make_private_folder(target.parent)
    mode = target.stat().st_mode & 0o777 if target.exists() else FILE_MODE
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
