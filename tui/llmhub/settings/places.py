"""Where llmhub keeps things on this disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llmhub.core.errors import StorageError
from llmhub.settings.files import FOLDER_MODE, make_private_folder

HOME_VARIABLE = "LLMHUB_HOME"
"""Overrides every place: config, data, state and cache are folders below it."""


@dataclass(frozen=True, slots=True)
class Places:
    """Our four folders. Nothing is made until `make`."""

    config: Path
    data: Path
    state: Path
    cache: Path

    @classmethod
    def below(cls, home: Path) -> Places:
        """All of them under one folder."""
        return cls(home / "config", home / "data", home / "state", home / "cache")

    @property
    def config_file(self) -> Path:
        """Settings; the person edits it."""
        return self.config / "config.toml"

    @property
    def themes(self) -> Path:
        """The person's own themes."""
        return self.config / "themes"

    @property
    def ledger(self) -> Path:
        """Turns, and what they are counted with."""
        return self.data / "ledger"

    @property
    def chats(self) -> Path:
        """Conversations."""
        return self.data / "chats"

    @property
    def exports(self) -> Path:
        """Files the person asked for."""
        return self.data / "exports"

    @property
    def log_file(self) -> Path:
        """What happened, for bug reports; never a prompt, a reply or a key."""
        return self.state / "llmhub.log"

    @property
    def state_file(self) -> Path:
        """What the app remembers between two runs."""
        return self.state / "state.json"

    def folders(self) -> dict[str, Path]:
        """The four, by name."""
        return {"config": self.config, "data": self.data, "state": self.state, "cache": self.cache}

    def make(self) -> list[StorageError]:
        """Make what is missing, for its owner alone, and tighten what others may look into.

        Returns:
            A message for each folder that cannot be used; llmhub goes on without it.
        """
        problems = []
        for name, folder in self.folders().items():
            try:
                make_private_folder(folder)
                if os.name == "posix" and folder.stat().st_mode & 0o077:
                    folder.chmod(FOLDER_MODE)
            except OSError as error:
                problems.append(_unusable(name, folder, error))
                continue
            if not os.access(folder, os.W_OK | os.X_OK):
                problems.append(_unusable(name, folder, None))
        return problems


def find_places(environ: Mapping[str, str] | None = None) -> Places:
    """The places this platform gives a program, or those below `LLMHUB_HOME`."""
    home = (os.environ if environ is None else environ).get(HOME_VARIABLE)
    if home:
        return Places.below(Path(home).expanduser().absolute())
    import platformdirs  # not needed where LLMHUB_HOME is set, and not free

    # Without an author Windows would put the program's name twice into the path.
    dirs = platformdirs.PlatformDirs("llmhub", appauthor=False)
    return Places(dirs.user_config_path, dirs.user_data_path, dirs.user_state_path, dirs.user_cache_path)


def _unusable(name: str, folder: Path, error: OSError | None) -> StorageError:
    why = (error.strerror or type(error).__name__) if error else "no right to write"
    lost = {
        "config": "defaults hold and settings cannot be saved",
        "data": "turns and chats stay in memory until it can",
        "state": "nothing is logged or remembered",
        "cache": "things are fetched again",
    }[name]
    return StorageError(
        f"The {name} folder cannot be used ({why.lower()}), so {lost}",
        str(folder),
        f"give yourself the right to write there, or set {HOME_VARIABLE} to another folder",
    )
