"""Which chips of a table a name means: a person's, a driver's, a processor's."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache

from llmhub.core.errors import LLMHubError
from llmhub.core.plain import one_line
from llmhub.core.sizing.speeds import Chip

_NOISE = frozenset({
    "apple", "nvidia", "geforce", "amd", "radeon", "intel", "graphics", "gpu", "card", "r", "tm", "core", "cores",
    "gb", "gib", "generation", "workstation", "server", "edition", "desktop", "tesla", "instinct", "ati",
    "series", "w", "with", "rev", "the",
})  # fmt: skip
"""Words of vendors and drivers that tell no chip from another."""
_GRADES = frozenset({"ti", "super", "laptop", "max", "pro", "ultra", "xt", "xtx", "gre", "ada", "blackwell", "plus"})
"""Words that make another chip of a number."""
_SAME = {"mobile": "laptop", "sxm4": "sxm", "sxm5": "sxm", "hbm3": "sxm", "sxm2": "sxm"}
_NEVER_SOLD = {frozenset({"m4", "ultra"}): "Apple M4 Ultra"}
"""Listed elsewhere, and never sold (chips.json, `notes`)."""

Words = frozenset[str]


def _words(text: str) -> Words:
    low = re.sub(r"\((r|tm|c)\)|[®™]", " ", text.lower()).replace("max+", "max plus")
    low = re.sub(r"(\d)\s*gi?b\b", r"\1", low)  # 24GB and 24 GB are 24
    low = re.sub(r"\b(rtx|gtx|rx|arc)[\s-]?(?=[a-z]?\d)", r"\1 ", low)
    low = re.sub(r"\b(m\d)(pro|max|ultra)\b", r"\1 \2", low)
    low = re.sub(r"(\d)(ti|super|xtx|xt|gre)\b", r"\1 \2", low)
    split = (_SAME.get(word, word) for word in re.split(r"[^a-z0-9]+", low))
    return frozenset(word for word in split if word and word not in _NOISE)


@lru_cache(maxsize=512)
def _aliases(name: str, chip_id: str) -> tuple[Words, ...]:
    """Every name of a chip. A bracket holds other names (`GB10 (DGX Spark)`), or what tells twins apart (40 cores)."""
    main, _, bracket = name.partition("(")
    inner = bracket.rstrip(")")
    if "core GPU" in inner:
        return (_words(name),)
    others = [part.removeprefix("for example ") for part in inner.split(",")] if inner else []
    found = [_words(text) for text in (main, *others, name, chip_id) if _words(text)]
    return tuple(dict.fromkeys(found))


def _twins(words: Words) -> Words:
    """Without what tells twins apart: sizes, cores, the slot. `M4 Max` is a name of both kinds of M4 Max."""
    return frozenset(word for word in words if word not in {"pcie", "sxm"} and not re.fullmatch(r"\d{1,3}", word))


def gpu_cores(chip: Chip) -> int | None:
    """Cores of the GPU where the name tells them."""
    found = re.search(r"(\d+)-core GPU", chip.name)
    return int(found[1]) if found else None


def meant(text: str, table: Sequence[Chip]) -> tuple[tuple[Chip, ...], Chip | None]:
    """What a person means, the twins of one name together, and the one of them whose whole name it is.

    Raises:
        LLMHubError: none, or several kinds; it names the nearest.
    """
    shown = one_line(text)[:60]
    for chip in table:
        if text.strip().lower() == chip.id:
            return (chip,), chip
    asked = _words(text)
    for words, name in _NEVER_SOLD.items():
        if words <= asked:
            raise LLMHubError(f"there is no {name}", f"--chip {shown}", _nearest(text, table))
    ranked = sorted(
        (len((alias & _GRADES) - asked), number)
        for number, chip in enumerate(table)
        for alias in _aliases(chip.name, chip.id)
        if asked and asked <= alias
    )
    best = tuple(dict.fromkeys(table[number] for grades, number in ranked if grades == ranked[0][0]))
    if not best:
        raise LLMHubError("no such chip in the table", f"--chip {shown}", _nearest(text, table))
    if len({_family(chip) for chip in best}) > 1:
        some = ", ".join(chip.name for chip in best[:4])
        raise LLMHubError("that could be several chips", f"--chip {shown}", f"name one of them: {some}")
    exact = [chip for chip in best if asked in _aliases(chip.name, chip.id)]
    return best, exact[0] if len(exact) == 1 else None


def _family(chip: Chip) -> Words:
    return _twins(_aliases(chip.name, chip.id)[0])


def _nearest(text: str, table: Sequence[Chip]) -> str:
    names = {chip.name.lower(): chip.name for chip in table}
    asked = _words(text)
    near = difflib.get_close_matches(text.lower(), names, n=3, cutoff=0.5)
    shared = sorted(table, key=lambda chip: -max(len(asked & alias) for alias in _aliases(chip.name, chip.id)))
    found = [names[name] for name in near]
    if asked:
        found += [chip.name for chip in shared[:3] if any(asked & alias for alias in _aliases(chip.name, chip.id))]
    if not found:
        return 'name one as it is sold, such as --chip "M4 Pro" or --chip "RTX 4090"; --memory alone works too'
    return "the nearest: " + ", ".join(dict.fromkeys(found[:3])) + "; --memory alone works too"


def driver_calls(name: str, table: Sequence[Chip]) -> tuple[Chip, ...]:
    """The chip of a driver's name, its twins beside it; none when a word is left over, as that makes another chip."""
    told = _words(name)
    plain = _twins(told)
    of_name = [
        chip for chip in table if chip.kind != "cpu" for alias in _aliases(chip.name, chip.id) if _twins(alias) == plain
    ]
    exact = [chip for chip in of_name if any(told <= alias for alias in _aliases(chip.name, chip.id))]
    return tuple(dict.fromkeys(exact or of_name)) if plain else ()


def processor_is(name: str, table: Sequence[Chip]) -> tuple[Chip, ...]:
    """The chip of a processor's name that models run on: Apple's, or an APU; none for any other."""
    told = _words(name)
    apple = tuple(
        chip for chip in table if chip.kind == "apple" and _twins(_aliases(chip.name, chip.id)[0]) == _twins(told)
    )
    if apple:
        return apple
    return tuple(
        chip for chip in table if chip.kind == "apu" and any(alias <= told for alias in _aliases(chip.name, chip.id))
    )
