"""The one secret: the key for OpenRouter. From the environment or the system's keyring, never from a file of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from llmhub.core.config import KEY_VARIABLE
from llmhub.core.errors import ConfigError

_SERVICE = "llmhub"
_ENTRY = "openrouter"


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that does not show itself: not in a log, a traceback or a notification."""

    value: str = field(repr=False)
    source: str
    """Where it came from, in words."""

    def __str__(self) -> str:
        """Only where it came from."""
        return f"(a key from {self.source})"


@dataclass(frozen=True, slots=True)
class KeyringState:
    """Whether secrets can be kept here."""

    usable: bool
    words: str


def openrouter_key(environ: Mapping[str, str] | None = None, *, keyring: bool = True) -> Secret | None:
    """The key, from the environment first. Asking a keyring can take long and may open a dialog: not on the event loop.

    Args:
        environ: Variables; those of the process when not given.
        keyring: False never touches the keyring (the demo, the tests).
    """
    value = (os.environ if environ is None else environ).get(KEY_VARIABLE, "").strip()
    if value:
        return Secret(value, f"the variable {KEY_VARIABLE}")
    if not keyring:
        return None
    import keyring as vault  # slow to import: looks for every backend there is
    from keyring.errors import KeyringError

    try:
        kept = vault.get_password(_SERVICE, _ENTRY)
    except (KeyringError, RuntimeError, OSError):
        # no keyring on a headless machine is as common as an empty one; `keyring_state` tells them apart
        return None
    return Secret(kept, "the keyring") if kept else None


def keep_openrouter_key(value: str) -> None:
    """Put the key into the keyring; an empty one takes it out.

    Raises:
        ConfigError: when there is no keyring, or it refuses.
    """
    import keyring as vault
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        if value.strip():
            vault.set_password(_SERVICE, _ENTRY, value.strip())
        else:
            vault.delete_password(_SERVICE, _ENTRY)
    except PasswordDeleteError:
        return
    except (KeyringError, RuntimeError, OSError) as error:
        raise ConfigError(
            f"The keyring did not take the key ({type(error).__name__})",
            "the key for OpenRouter",
            f"set the variable {KEY_VARIABLE} instead",
        ) from None  # the chain could carry what was to be kept


def keyring_state() -> KeyringState:
    """Which keyring there is. Imports it; not on the event loop."""
    try:
        import keyring as vault

        backend = vault.get_keyring()
        name, priority = f"{type(backend).__module__}.{type(backend).__name__}", float(backend.priority)
    except Exception as error:  # every keyring backend is a plugin of its own and may raise anything
        return KeyringState(False, f"the keyring cannot be loaded ({type(error).__name__})")
    if priority <= 0 or ".fail." in name or ".null." in name:
        return KeyringState(False, "no keyring on this machine")
    return KeyringState(True, name)
