"""Costs as text, at both sizes."""

from __future__ import annotations

import pytest

from support.costs_mode import costs_mode, some_turns
from support.screens import check_golden, drawn, shows

SIZES = [(80, 24), (120, 40)]


def name(what: str, size: tuple[int, int]) -> str:
    return f"costs-{what}-{size[0]}x{size[1]}"


@pytest.mark.parametrize("size", SIZES)
async def test_a_month_of_local_and_cloud_turns(size: tuple[int, int]) -> None:
    async with costs_mode(some_turns(), size) as stand:
        check_golden(name("month", size), stand.text)


@pytest.mark.parametrize("size", SIZES)
async def test_a_month_without_turns_and_without_a_profile(size: tuple[int, int]) -> None:
    async with costs_mode((), size, profile=None) as stand:
        check_golden(name("empty", size), stand.text)


@pytest.mark.parametrize("size", SIZES)
async def test_the_profile(size: tuple[int, int]) -> None:
    async with costs_mode(some_turns(), size) as stand:
        await stand.press("e")
        await shows(stand.pilot, "watts at rest")

        check_golden(name("profile", size), drawn(stand.app))


async def test_a_figure_explained() -> None:
    async with costs_mode(some_turns(), (80, 24)) as stand:
        stand.table("month").focus()
        await stand.press("enter")
        await shows(stand.pilot, "energy in kWh")

        check_golden("costs-explained-80x24", drawn(stand.app))
