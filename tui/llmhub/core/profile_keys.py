"""The keys of the assumption profile: how each is read from text, and what a person is told about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from llmhub.core.costs.energy import TariffWindow
from llmhub.core.costs.money import decimal


class Unusable(ValueError):  # noqa: N818 - it is read as a sentence: the value is unusable, write ...
    """A value cannot be used; the text says what to write instead."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is known about one key."""

    words: str
    """What it is, as a form or an explanation names it."""
    unit: str
    example: str
    """A value that would do."""
    kind: Literal["number", "whole", "choice", "date", "tariff", "models"] = "number"
    low: Decimal = Decimal(0)
    """The least that makes sense."""
    high: Decimal | None = None
    above_low: bool = False
    """Whether the least itself is too little."""
    choices: tuple[str, ...] = ()
    default_source: str = "llmhub's default"


_ONE = Decimal(1)

KEYS: dict[str, Key] = {
    "usd_per_kwh": Key("electricity price", "$/kWh", "0.18", default_source="US average 2026, EIA forecast"),
    "tariff": Key(
        "electricity price by time of day",
        "",
        '[{start = "22:00", end = "06:00", usd_per_kwh = "0.11"}]',
        kind="tariff",
    ),
    "busy_w": Key("watts while it answers", "W", "60", default_source="not set"),
    "idle_w": Key("watts at rest", "W", "8", default_source="not set: all watts are charged"),
    "idle_attribution": Key(
        "whether the watts at rest are taken off", "", '"net"', kind="choice", choices=("net", "gross")
    ),
    "wall_factor": Key("loss of the power supply", "×", "1.12", low=_ONE),
    "unmetered_w": Key("watts that the meter cannot see", "W", "35"),
    "standby_w": Key("watts on standby, for the models alone", "W", "10"),
    "standby_hours": Key("hours on standby in a month", "h", "700", high=Decimal(744)),
    "price_usd": Key("price of the machine", "$", "1999", default_source="not set"),
    "residual_fraction": Key("resale value at the end of its life", "of the price", "0.20", high=_ONE),
    "life_months": Key("life of the machine", "months", "36", kind="whole", low=_ONE),
    "purchased": Key("day of purchase", "", "2026-01-31", kind="date", default_source="not set: within its life"),
    "annual_cost_of_capital": Key("interest on the capital, a year", "", "0.05", high=_ONE),
    "capital_basis": Key("what the interest is on", "", '"average"', kind="choice", choices=("average", "initial")),
    "share": Key("part of the machine charged to the models", "", "1", high=_ONE),
    "planned_busy_s_per_month": Key("seconds of work planned in a month", "s", "876000", above_low=True),
    "reference_model": Key("cloud model to compare with", "", '{"qwen3:8b" = "qwen/qwen3-8b"}', kind="models"),
    "cache_policy": Key("prompt cache in the comparison", "", '"prefix"', kind="choice", choices=("prefix", "none")),
    "cache_ttl_s": Key("life of a prompt cache", "s", "300"),
    "cache_min_tokens": Key("smallest prompt that is cached", "tokens", "1024", kind="whole"),
    "topup_usd": Key("usual purchase of credits", "$", "10", above_low=True),
    "credit_fee_fraction": Key("fee on a purchase of credits", "of it", "0.055", high=_ONE),
    "credit_fee_minimum_usd": Key("smallest fee on a purchase of credits", "$", "0.80"),
    "grid_g_per_kwh": Key("carbon of the electricity", "g/kWh", "369", default_source="not set"),
    "embodied_kg": Key("carbon of making the machine", "kg", "100", default_source="not set"),
    "hour_value_usd": Key("value of an hour of waiting", "$/h", "40", default_source="not set"),
}


def nearest(key: str) -> str | None:
    """The key that was probably meant."""
    from difflib import get_close_matches  # only for a slip

    return next(iter(get_close_matches(key, KEYS, n=1, cutoff=0.6)), None)


def read_value(key: str, raw: Any) -> Any:
    """The value of `key` from a number, a text or a table, as the profile holds it.

    Raises:
        Unusable: saying what to write.
    """
    about = KEYS[key]
    if about.kind in {"number", "whole"}:
        return _number(about, raw)
    if about.kind == "choice":
        if raw not in about.choices:
            raise Unusable(" or ".join(about.choices))
        return raw
    if about.kind == "date":
        return _date(raw)
    return _tariff(about, raw) if about.kind == "tariff" else _models(about, raw)


def plain(key: str, value: Any) -> Any:
    """The value of `key` as finite JSON."""
    if KEYS[key].kind == "tariff":
        return [_window_record(window) for window in value]
    if KEYS[key].kind == "models":
        return dict(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    return value


def _window_record(window: TariffWindow) -> dict[str, str]:
    return {
        "start": window.start.strftime("%H:%M"),
        "end": window.end.strftime("%H:%M"),
        "usd_per_kwh": format(window.usd_per_kwh, "f"),
    }


def _number(about: Key, raw: Any) -> Decimal | int:
    unit = f" ({about.unit})" if about.unit else ""
    advice = f"a number such as {about.example}{unit}"
    value = _decimal(raw, advice)
    if value < about.low or (about.above_low and value == about.low):
        raise Unusable(f"a number {'above' if about.above_low else 'from'} {about.low}{unit}")
    if about.high is not None and value > about.high:
        raise Unusable(f"a number from {about.low} to {about.high}{unit}")
    if value > _ABSURD:
        raise Unusable(advice)
    if about.kind == "whole":
        if value != value.to_integral_value():
            raise Unusable(f"a whole number such as {about.example}{unit}")
        return int(value)
    return value


_ABSURD = Decimal("1e12")


def _decimal(raw: Any, advice: str) -> Decimal:
    if isinstance(raw, float):
        # a number of a configuration file whose reader made floats; its shortest form is what the person typed
        raw = repr(raw)
    if isinstance(raw, str):
        raw = raw.strip().replace("_", "")
    try:
        return decimal(raw)
    except (TypeError, ValueError) as error:
        raise Unusable(advice) from error


def _date(raw: Any) -> date:
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    try:
        return date.fromisoformat(raw)
    except (TypeError, ValueError) as error:
        raise Unusable("a date such as 2026-01-31") from error


def _tariff(about: Key, raw: Any) -> tuple[TariffWindow, ...]:
    if isinstance(raw, tuple) and all(isinstance(window, TariffWindow) for window in raw):
        return raw
    advice = f"windows such as {about.example}"
    if isinstance(raw, str):
        raw = [_typed_window(part) for part in _parts(raw)]
    if not isinstance(raw, (list, tuple)):
        raise Unusable(advice)
    windows = []
    for window in raw:
        if not isinstance(window, Mapping) or not {"start", "end", "usd_per_kwh"} <= window.keys():
            raise Unusable(advice)
        price = _number(KEYS["usd_per_kwh"], window["usd_per_kwh"])
        windows.append(TariffWindow(_time(window["start"]), _time(window["end"]), Decimal(price)))
    return tuple(windows)


def _time(raw: Any) -> time:
    if isinstance(raw, time):
        return raw.replace(second=0, microsecond=0, tzinfo=None)
    try:
        read = time.fromisoformat(raw)
    except (TypeError, ValueError) as error:
        raise Unusable('times such as "22:00"') from error
    return read.replace(second=0, microsecond=0, tzinfo=None)


def _models(about: Key, raw: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(raw, str):
        raw = dict(_typed_pair(part) for part in _parts(raw))
    pairs = raw.items() if isinstance(raw, Mapping) else raw
    try:
        read = tuple(sorted((local, cloud) for local, cloud in pairs))
    except (TypeError, ValueError) as error:
        raise Unusable(f"a table such as {about.example}") from error
    if not all(isinstance(name, str) for pair in read for name in pair):
        raise Unusable(f"a table such as {about.example}")
    return read


# -- one line of text for what is a list in the file ------------------------------------------------

TYPED_EXAMPLES = {"tariff": "22:00-06:00 0.11, 06:00-22:00 0.34", "models": "qwen3:8b = qwen/qwen3-8b"}
"""By kind: how a person types it on one line."""
_WINDOW = re.compile(r"(\d{1,2}:\d{2})\s*[-\u2013]\s*(\d{1,2}:\d{2})\s*[=:]?\s*\$?([\d.]+)")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,;]", text) if part.strip()]


def _typed_window(part: str) -> dict[str, str]:
    found = _WINDOW.fullmatch(part)
    if found is None:
        raise Unusable(f"windows such as {TYPED_EXAMPLES['tariff']}")
    start, end, price = found.groups()
    return {"start": start.zfill(5), "end": end.zfill(5), "usd_per_kwh": price}


def _typed_pair(part: str) -> tuple[str, str]:
    local, _, cloud = (piece.strip() for piece in part.partition("="))
    if not (local and cloud):
        raise Unusable(f"a table such as {TYPED_EXAMPLES['models']}")
    return local, cloud
