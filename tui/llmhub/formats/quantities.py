"""Bytes, times, counts, speeds and power as text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from llmhub.core.places import Place
from llmhub.formats.money import UNKNOWN


def size(n_bytes: int | None) -> str:
    """Bytes, binary, one decimal: `4.9 GiB`."""
    if n_bytes is None:
        return UNKNOWN
    import humanize  # not needed for the first frame

    return humanize.naturalsize(n_bytes, binary=True).replace("Bytes", "B").replace("1 Byte", "1 B")


def exact_bytes(n_bytes: int | None) -> str:
    """Every byte: `5,261,334,937 bytes`."""
    return UNKNOWN if n_bytes is None else f"{n_bytes:,} bytes"


def of_bytes(part: int | None, whole: int | None, between: str = "/") -> str:
    """A part of a whole in the whole's unit: `14.4/25.0 GiB`, or `7.8 of 12.8 GiB` with another word between."""
    unit, name = next((pair for pair in _UNITS if (whole or part or 0) >= pair[0]), _UNITS[-1])
    shown = [UNKNOWN if n is None else f"{n / unit:.1f}" if unit > 1 else str(n) for n in (part, whole)]
    return f"{shown[0]}{between}{shown[1]} {name}"


_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))


def byte_rate(per_s: float | None) -> str:
    """How fast bytes come: `42 MiB/s`."""
    if per_s is None:
        return UNKNOWN
    import humanize  # not needed for the first frame

    return humanize.naturalsize(per_s, binary=True, format="%.0f").replace("Bytes", "B").replace("Byte", "B") + "/s"


def seconds(value: float | Decimal | None) -> str:
    """A duration: `0.21 s`, `2.1 s`, `40 s`, `3 m 12 s`, `1 h 4 m`, `2 d 3 h`."""
    if value is None:
        return UNKNOWN
    value = max(0.0, float(value))
    if 0 < value < 0.005:
        return "<0.01 s"
    if value < 0.995:
        return f"{value:.2f} s"
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    for big, small, size_of_small in (("d", "h", 3600), ("h", "m", 60), ("m", "s", 1)):
        factor = size_of_small * (24 if big == "d" else 60)
        if whole >= factor:
            count_big, rest = divmod(whole, factor)
            count_small = rest // size_of_small
            return f"{count_big} {big} {count_small} {small}" if count_small else f"{count_big} {big}"
    return f"{whole} s"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long since: `just now`, `5 m ago`, `2 d ago`; a date when it is more than a month."""
    if moment is None:
        return UNKNOWN
    past = ((now or datetime.now(UTC)) - moment).total_seconds()
    if past < 60:
        return "just now"
    if past >= 31 * 86400:
        return moment.astimezone().date().isoformat()
    return f"{_one_unit(past)} ago"


def expires(moment: datetime | None, *, never: bool = False, now: datetime | None = None) -> str:
    """When a loaded model goes: `4 m`, `30 s`, `now`, `never`."""
    if never:
        return "never"
    if moment is None:
        return UNKNOWN
    left = (moment - (now or datetime.now(UTC))).total_seconds()
    return "now" if left < 1 else _one_unit(left)


def span(value_s: float | None) -> str:
    """A duration in one unit, rounded down, where a column or a bar has no room for two: `2 m`, `40 s`."""
    return UNKNOWN if value_s is None else _one_unit(max(0.0, value_s))


def _one_unit(value: float) -> str:
    for factor, name in ((86400, "d"), (3600, "h"), (60, "m")):
        if value >= factor:
            return f"{int(value // factor)} {name}"
    return f"{int(value)} s"


# calendar.month_name follows the locale; the rest of the screen does not
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def period(first: date, last: date) -> str:
    """Days of one month: `November 1–20`, `November 20`; across months both dates."""
    if first == last:
        return f"{_MONTHS[first.month - 1]} {first.day}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{_MONTHS[first.month - 1]} {first.day}–{last.day}"
    return f"{first.isoformat()} – {last.isoformat()}"


def month(day: date) -> str:
    """The month a day lies in: `November 2026`."""
    return f"{_MONTHS[day.month - 1]} {day.year}"


def count(n: int | None) -> str:
    """A count: `12,345`."""
    return UNKNOWN if n is None else f"{n:,}"


def tokens(n: int | None) -> str:
    """Many tokens in short: `412`, `1.2k`, `32k`, `1.9 M`."""
    return UNKNOWN if n is None else _short(n, 1000)


def context_used(used: int | None, limit: int | None) -> str:
    """Tokens of the context in use: `1.2k of 32k`. A limit in steps of 1,024 (not 1,000) counts both so."""
    thousand = 1024 if limit and limit % 1024 == 0 and limit % 1000 else 1000
    shown = (UNKNOWN if n is None else _short(n, thousand) for n in (used, limit))
    return " of ".join(shown)


def _short(n: int, thousand: int) -> str:
    if n < thousand:
        return str(n)
    thousands = n / thousand
    if thousands < 9.95:
        return f"{thousands:.1f}".removesuffix(".0") + "k"
    if thousands < 999.5:
        return f"{round(thousands)}k"
    return f"{n / thousand**2:.1f} M"


def rate(
    per_s: float | Decimal | None,
    *,
    measured: bool = True,
    low: float | None = None,
    high: float | None = None,
    unit: str = "tok/s",
) -> str:
    """A speed: `47.2 tok/s`, `312 tok/s`; estimated `~12 tok/s (9–13)`."""
    if per_s is None:
        return UNKNOWN
    value = float(per_s)
    if measured:
        return f"{value:.1f} {unit}" if value < 99.95 else f"{value:,.0f} {unit}"
    ranged = f" ({low:,.0f}–{high:,.0f})" if low is not None and high is not None else ""
    return f"~{value:,.0f} {unit}{ranged}" if value >= 0.95 else f"~{value:.1f} {unit}{ranged}"


def watts(value: Decimal | float | None) -> str:
    """Power: `58 W`, `4.5 W`."""
    return UNKNOWN if value is None else f"{_meter_digits(value)} W"


def joules(value: Decimal | float | None) -> str:
    """Energy: `561 J`, `4.5 J`, `1,040 J`."""
    return UNKNOWN if value is None else f"{_meter_digits(value)} J"


def _meter_digits(value: Decimal | float) -> str:
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:,.0f}" if value == 0 or abs(float(value)) >= 9.95 else f"{value:.1f}"


def percent(fraction: float | Decimal | None) -> str:
    """A part of a whole: `61 %`; never 0 for something, never 100 before the whole."""
    if fraction is None:
        return UNKNOWN
    shown = round(fraction * 100)
    if fraction > 0 and shown == 0:
        return "<1 %"
    if fraction < 1 and shown >= 100:
        shown = 99
    return f"{shown} %"


def bar(fraction: float | Decimal | None, width: int) -> str:
    """A bar of `width` cells: `▓▓▓░░`; a cell for anything above nothing, full only at the whole, dots for unknown."""
    if fraction is None:
        return "·" * width
    inside = min(1.0, max(0.0, float(fraction)))
    filled = round(inside * width)
    if inside > 0:
        filled = max(1, filled)
    if inside < 1:
        filled = min(filled, max(1 if inside > 0 else 0, width - 1))
    return "▓" * filled + "░" * (width - filled)


def place(where: Place) -> str:
    """A place with its sign: `● this machine`, `◐ gpu-box`, `○ Ollama cloud`."""
    return f"{where.sign} {where.words}"
