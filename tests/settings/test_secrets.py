"""The key: the environment before the keyring, looked for once and on a thread, and never in any words."""

from __future__ import annotations

import asyncio
import threading
import traceback

import keyring
import pytest
from keyring.errors import KeyringLocked, NoKeyringError

from llmhub.core.errors import ConfigError
from llmhub.settings import secrets
from llmhub.settings.secrets import KeyHolder, Secret, SystemKeyring, checked_key
from support.vaults import FakeVault

KEY = "sk-or-v1-0123456789abcdef"


async def test_the_variable_beats_the_keyring_which_is_not_even_asked() -> None:
    vault = FakeVault("sk-or-v1-of-the-keyring")
    keys = KeyHolder({"OPENROUTER_API_KEY": KEY}, vault)

    found = await keys.find()

    assert found == Secret(KEY, "the variable OPENROUTER_API_KEY")
    assert (keys.value(), vault.reads) == (KEY, 0)


async def test_the_keyring_is_asked_once_and_only_when_the_key_is_needed() -> None:
    vault = FakeVault(KEY)
    keys = KeyHolder({}, vault)
    before = (keys.secret, keys.value(), vault.reads)

    await asyncio.gather(keys.find(), keys.find())
    await keys.find()

    assert before == (None, None, 0)
    assert (keys.value(), vault.reads) == (KEY, 1)


async def test_a_keyring_is_asked_on_a_thread_that_the_end_of_llmhub_does_not_wait_for() -> None:
    seen: list[threading.Thread] = []

    class Watched(FakeVault):
        def read(self) -> str | None:
            seen.append(threading.current_thread())
            return super().read()

    await KeyHolder({}, Watched(KEY)).find()

    assert seen[0] is not threading.main_thread()
    assert seen[0].daemon


async def test_a_keyring_that_hangs_is_given_up_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    class Hangs(FakeVault):
        def read(self) -> str | None:
            released.wait(30)
            return super().read()

    monkeypatch.setattr(secrets, "KEYRING_S", 0.05)
    keys = KeyHolder({}, Hangs(KEY))

    found = await keys.find()
    released.set()

    assert found is None
    assert keys.problem is not None
    assert keys.problem.happened == "The keyring did not answer"


async def test_a_look_that_was_given_up_is_begun_again() -> None:
    begun, released = threading.Event(), threading.Event()

    class Slow(FakeVault):
        def read(self) -> str | None:
            begun.set()
            released.wait(30)
            return super().read()

    keys = KeyHolder({}, Slow(KEY))
    first = asyncio.ensure_future(keys.find())
    await asyncio.to_thread(begun.wait, 10)
    first.cancel()
    await asyncio.wait({first})
    released.set()

    found = await keys.find()

    assert first.cancelled()
    assert found is not None


async def test_a_key_that_was_kept_is_in_force_at_once_and_gone_when_it_is_forgotten() -> None:
    vault = FakeVault()
    keys = KeyHolder({}, vault)

    kept = await keys.keep(f"  {KEY}\n")
    in_force = keys.value()
    there = await keys.forget()

    assert (kept, in_force) == (Secret(KEY, "the keyring"), KEY)
    assert (there, vault.key, keys.value()) == (True, None, None)
    assert await keys.forget() is False


async def test_a_key_that_was_kept_does_not_beat_the_variable() -> None:
    vault = FakeVault()
    keys = KeyHolder({"OPENROUTER_API_KEY": KEY}, vault)

    await keys.keep("sk-or-v1-another-one")
    await keys.forget()

    assert keys.value() == KEY


async def test_a_keyring_that_refuses_changes_nothing() -> None:
    vault = FakeVault(KEY)
    keys = KeyHolder({}, vault)
    await keys.find()
    vault.problem = ConfigError("The keyring did not take the key (KeyringLocked)", "the key", "unlock it")

    with pytest.raises(ConfigError):
        await keys.keep("sk-or-v1-another-one")

    assert keys.value() == KEY


async def test_a_fixed_key_looks_nowhere_and_is_kept_nowhere() -> None:
    vault = FakeVault(KEY)
    keys = KeyHolder({"OPENROUTER_API_KEY": KEY}, vault, fixed=Secret("dummy", "the simulators"))

    found = await keys.find()

    assert (found and found.value, vault.reads) == ("dummy", 0)
    with pytest.raises(ConfigError):
        await keys.keep("sk-or-v1-another-one")


@pytest.mark.parametrize(
    "text", ["", "  \n", "sk-ant-0123456789", "sk-or-v1-x", "sk-or-v1-01234 56789", "sk-or-v1-schlüssel1"]
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        checked_key(text)

    assert not text.strip() or text.strip() not in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("error", "words", "remedy"),
    [
        (NoKeyringError(f"no backend for {KEY}"), "There is no keyring on this machine", "OPENROUTER_API_KEY"),
        (KeyringLocked(f"locked: {KEY}"), "KeyringLocked", "unlock it"),
        (RuntimeError(f"dbus said {KEY}"), "RuntimeError", "OPENROUTER_API_KEY"),
    ],
)
def test_a_keyring_that_fails_is_told_in_three_parts_without_the_key(
    error: Exception, words: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: str) -> None:
        raise error

    monkeypatch.setattr(keyring, "set_password", fails)

    with pytest.raises(ConfigError) as told:
        SystemKeyring().write(KEY)

    assert words in told.value.happened
    assert remedy in told.value.remedy
    assert KEY not in "".join(traceback.format_exception(told.value))


async def test_the_key_shows_itself_in_no_repr() -> None:
    keys = KeyHolder({"OPENROUTER_API_KEY": KEY}, None)

    assert KEY not in f"{keys!r} {keys} {keys.secret!r} {keys.secret}"
