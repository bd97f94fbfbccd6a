"""Keys of the profile as a person types them on one line; `profile_keys.read_value` reads them back."""

from __future__ import annotations

from typing import Any

from llmhub.core.profile_keys import KEYS, TYPED_EXAMPLES, plain


def example(key: str) -> str:
    """A text that would do for `key`."""
    return TYPED_EXAMPLES.get(KEYS[key].kind, KEYS[key].example.strip('"'))


def text_of(key: str, value: Any) -> str:
    """The value of `key` as it can be typed; empty for one that is not set."""
    if value is None or value == ():
        return ""
    written = plain(key, value)
    if KEYS[key].kind == "tariff":
        return ", ".join(f"{window['start']}-{window['end']} {window['usd_per_kwh']}" for window in written)
    if KEYS[key].kind == "models":
        return ", ".join(f"{local} = {cloud}" for local, cloud in written.items())
    return str(written)
