"""The one secret: the key for OpenRouter. From the environment or the system's keyring, never from a file of ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from llmhub.core.config import KEY_VARIABLE
from llmhub.core.errors import ConfigError

T = TypeVar("T")
_SERVICE = "llmhub"
_ENTRY = "openrouter"
_SUBJECT = "the key for OpenRouter"
_SHAPE = re.compile(r"sk-or-[!-~]{8,500}", re.ASCII)
KEYRING_S = 90.0
"""How long a keyring may take: some ask the person to unlock them first."""


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


class Vault(Protocol):
    """Where a key is kept between two runs. Each method may take long, and raises `ConfigError` alone."""

    def read(self) -> str | None:
        """The key, `None` where there is none."""

    def write(self, value: str) -> None:
        """Keep the key."""

    def delete(self) -> bool:
        """Take the key out; whether there was one."""


class SystemKeyring:
    """The system's own keyring, by the library `keyring`, which is imported with the first call."""

    def read(self) -> str | None:
        """The key, `None` where there is none.

        Raises:
            ConfigError: when there is no keyring, or it stays locked.
        """
        return _asked("could not be read", lambda vault: vault.get_password(_SERVICE, _ENTRY)) or None

    def write(self, value: str) -> None:
        """Keep the key.

        Raises:
            ConfigError: when there is no keyring, or it refuses.
        """
        _asked("did not take the key", lambda vault: vault.set_password(_SERVICE, _ENTRY, value))

    def delete(self) -> bool:
        """Take the key out; whether there was one.

        Raises:
            ConfigError: when there is no keyring, or it refuses.
        """
        if self.read() is None:
            return False
        _asked("did not give the key up", lambda vault: vault.delete_password(_SERVICE, _ENTRY))
        return True


class KeyHolder:
    """The key while llmhub runs. The keyring is asked once, on a thread, when the key is first needed.

    Args:
        environ: Variables; the one of the key beats the keyring.
        vault: Where a key is kept; `None` never looks anywhere (the demo).
        fixed: A key that is none of anybody's: the simulators' on loopback. Nothing else is looked at then.
    """

    def __init__(self, environ: Mapping[str, str], vault: Vault | None, *, fixed: Secret | None = None) -> None:
        self._vault = None if fixed else vault
        self._secret = fixed or openrouter_key(environ, keyring=False)
        self.from_environment = fixed is None and self._secret is not None
        """Whether the variable has a key; it beats the keyring's."""
        self._looked = self._secret is not None or vault is None
        self._one = asyncio.Lock()
        self.problem: ConfigError | None = None
        """Why the keyring could not be asked, once it was."""

    def __repr__(self) -> str:
        """Only where the key came from."""
        return f"KeyHolder({self._secret})"

    @property
    def secret(self) -> Secret | None:
        """The key as far as it is known by now."""
        return self._secret

    def value(self) -> str | None:
        """The key as text, for the one place that puts it into a request."""
        return self._secret.value if self._secret else None

    async def find(self) -> Secret | None:
        """The key, looked for in the keyring when nobody has done so yet."""
        async with self._one:
            if not self._looked and self._vault is not None:
                try:
                    kept = await _on_thread(self._vault.read)
                except ConfigError as problem:
                    self.problem = problem
                else:
                    self._secret = Secret(kept, "the keyring") if kept else None
                self._looked = True
        return self._secret

    async def keep(self, text: str) -> Secret:
        """Put a key into the keyring, and use it from now on unless the environment has another.

        Returns:
            The key in force.

        Raises:
            ConfigError: it is no key, or it could not be kept; what held before still holds.
        """
        value = checked_key(text)
        vault = self._vault_or_refuse()
        await _on_thread(lambda: vault.write(value))
        self._looked, self.problem = True, None
        if not self.from_environment or self._secret is None:
            self._secret = Secret(value, "the keyring")
        return self._secret

    async def forget(self) -> bool:
        """Take the key out of the keyring; whether there was one.

        Raises:
            ConfigError: the keyring cannot be used.
        """
        there = await _on_thread(self._vault_or_refuse().delete)
        if not self.from_environment:
            self._secret = None
        return there

    def _vault_or_refuse(self) -> Vault:
        if self._vault is None:
            raise ConfigError("No key is kept in the demo", _SUBJECT, "run llmhub keys set openrouter outside of it")
        return self._vault


def checked_key(text: str) -> str:
    """A key as it was typed, without blanks around it.

    Raises:
        ConfigError: it has not the shape of one. The message never repeats it.
    """
    value = text.strip()
    if not value:
        raise ConfigError("No key was given", _SUBJECT, "copy one from openrouter.ai/settings/keys and try again")
    if not _SHAPE.fullmatch(value):
        raise ConfigError(
            "This is no key for OpenRouter, so nothing was changed",
            f"{_SUBJECT}: one begins with sk-or- and has no blanks",
            "copy it whole from openrouter.ai/settings/keys and try again",
        )
    return value


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
    try:
        kept = SystemKeyring().read()
    except ConfigError:
        # no keyring on a headless machine is as common as an empty one; `keyring_state` tells them apart
        return None
    return Secret(kept, "the keyring") if kept else None


def keep_openrouter_key(value: str) -> None:
    """Put the key into the keyring; an empty one takes it out.

    Raises:
        ConfigError: when there is no keyring, or it refuses.
    """
    if value.strip():
        SystemKeyring().write(value.strip())
    else:
        SystemKeyring().delete()


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


def _asked(what: str, work: Callable[..., T]) -> T:
    """What the keyring answers to `work`."""
    name = "ImportError"
    try:
        import keyring as vault  # slow to import: looks for every backend there is

        return work(vault)
    except (
        Exception
    ) as error:  # a backend is a plugin of somebody's: D-Bus, the Windows API and the like raise their own
        name = type(error).__name__
    # outside of the handler: the chain, with its frames and their values, could carry what was to be kept
    missing = name in {"NoKeyringError", "InitError"}
    raise ConfigError(
        "There is no keyring on this machine" if missing else f"The keyring {what} ({name})",
        _SUBJECT,
        f"set the variable {KEY_VARIABLE} instead" if missing else f"unlock it, or set the variable {KEY_VARIABLE}",
    )


async def _on_thread(work: Callable[[], T]) -> T:
    """`work` on a thread that nobody waits for at the end: a keyring that asks its person may hang for ever.

    Raises:
        ConfigError: from `work`, and when it takes too long.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # told to whoever waits, on the loop
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="llmhub-keyring", daemon=True).start()
    try:
        async with asyncio.timeout(KEYRING_S):
            return await answer
    except TimeoutError:
        raise ConfigError(
            "The keyring did not answer", _SUBJECT, f"unlock it, or set the variable {KEY_VARIABLE}"
        ) from None
