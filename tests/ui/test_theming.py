"""Themes: readable, complete, and none of them able to stop llmhub."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme
from textual.widgets import Static

from llmhub.ui.theming import bundled, gather, load, missing, one, variable_defaults

OURS = load(bundled())
GROUNDS = ("background", "surface", "panel")
TEXTS = (
    "foreground",
    "foreground-muted",
    "text-primary",
    "text-secondary",
    "text-accent",
    "text-success",
    "text-warning",
    "text-error",
    "cost-local",
    "cost-cloud",
    "footer-key-foreground",
)


def luminance(colour: Color) -> float:
    """Relative luminance (WCAG 2.2)."""

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.r) + 0.7152 * linear(colour.g) + 0.0722 * linear(colour.b)


def contrast(text: Color, ground: Color) -> float:
    """Contrast ratio (WCAG 2.2), the text's transparency taken into account."""
    drawn = ground.blend(text, text.a, alpha=1.0) if text.a < 1 else text
    light, dark = sorted((luminance(drawn), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colours(theme: Theme) -> dict[str, str]:
    return variable_defaults(theme) | theme.to_color_system().generate() | theme.variables


def test_the_measure_of_contrast_is_the_standards() -> None:
    assert contrast(Color.parse("#000"), Color.parse("#fff")) == pytest.approx(21)
    assert contrast(Color.parse("#777"), Color.parse("#fff")) == pytest.approx(4.48, abs=0.01)


def test_what_ships_loads_without_a_word() -> None:
    names = {theme.name for theme in OURS.themes}

    assert OURS.problems == ()
    assert {"graphite", "paper", "contrast", "daylight"} <= names
    assert len(names) >= 6
    assert {theme.dark for theme in OURS.themes} == {True, False}


@pytest.mark.parametrize("theme", OURS.themes, ids=lambda theme: theme.name)
def test_text_can_be_read_on_every_ground(theme: Theme) -> None:
    least = 7.0 if theme.name == "contrast" else 4.5
    values = colours(theme)

    ratios = {
        (text, ground): contrast(Color.parse(values[text]), Color.parse(values[ground]))
        for text in TEXTS
        for ground in GROUNDS
    }

    assert {pair: ratio for pair, ratio in ratios.items() if ratio < (4.5 if "muted" in pair[0] else least)} == {}


@pytest.mark.parametrize("theme", OURS.themes, ids=lambda theme: theme.name)
def test_local_and_cloud_have_colours_of_their_own(theme: Theme) -> None:
    local, cloud = Color.parse(theme.variables["cost-local"]), Color.parse(theme.variables["cost-cloud"])

    assert max(abs(local.r - cloud.r), abs(local.g - cloud.g), abs(local.b - cloud.b)) >= 60


@pytest.mark.parametrize("theme", BUILTIN_THEMES.values(), ids=lambda theme: theme.name)
def test_a_theme_that_does_not_know_our_colours_gets_them(theme: Theme) -> None:
    values = variable_defaults(theme)

    assert set(values) == {"cost-local", "cost-cloud"}
    assert all(Color.parse(value) for value in values.values())


def put(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('dark = = 1\nprimary = "#123456"', "line 1"),
        ("dark = true", "primary is missing"),
        ('primary = "#123456"\nprimry = 1', "no such key: primry"),
        ('primary = "blurple"', "primary is no colour"),
        ("primary = 3", "primary is no colour"),
        ('primary = "#123456"\ndark = "yes"', "dark must be true or false"),
        ('primary = "#123456"\ntext_alpha = 9', "text_alpha must be between"),
        ('primary = "#123456"\nvariables = 3', "variables must be a table"),
        ('primary = "#123456"\n[variables]\ncost-local = "$success"', "cost-local must be a plain value"),
        ('primary = "#123456"\n[variables]\nborder = "red; } App { display: none"', "border must be a plain value"),
        ('primary = "#123456"\n[variables]\ncost-cloud = "nope"', "cost-cloud is no colour"),
        ('primary = "#123456"\n[variables]\nfooter-background = "#12345 %"', "footer-background is no colour"),
        ('primary = "#123456"\n[variables]\nlink-style = "loud"', "link-style is no text style"),
        ('name = "x"\nprimary = "#123456"', "no such key: name"),
    ],
)
def test_one_bad_file_is_told_and_the_rest_load(tmp_path: Path, text: str, why: str) -> None:
    put(tmp_path / "themes", "bad.toml", text)
    put(tmp_path / "themes", "good.toml", 'primary = "#7aa2f7"')

    found = load(tmp_path / "themes")

    assert [theme.name for theme in found.themes] == ["good"]
    (problem,) = found.problems
    assert problem.subject == "bad.toml"
    assert why in problem.happened


def test_bytes_that_are_no_text_and_a_folder_of_that_name_are_told_too(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "notes.txt").write_text("not a theme")

    found = load(tmp_path)

    assert (found.themes, len(found.problems)) == ((), 2)


def test_a_folder_that_is_not_there_holds_no_themes(tmp_path: Path) -> None:
    assert load(tmp_path / "none").themes == ()


def test_a_persons_theme_replaces_ours_of_the_same_name(tmp_path: Path) -> None:
    put(tmp_path, "graphite.toml", 'primary = "#ff0000"')

    found = gather(bundled(), tmp_path)

    by_name = {theme.name: theme for theme in found.themes}
    assert by_name["graphite"].primary == "#ff0000"
    assert len(by_name) == len(OURS.themes)


def test_one_theme_is_read_alone_and_a_bad_one_of_the_persons_gives_way_to_ours(tmp_path: Path) -> None:
    put(tmp_path, "paper.toml", 'primary = "#00ff00"')
    put(tmp_path, "graphite.toml", "primary = 3")

    paper, graphite = one("paper", bundled(), tmp_path), one("graphite", bundled(), tmp_path)

    assert paper is not None
    assert graphite is not None
    assert (paper.primary, graphite.name) == ("#00ff00", "graphite")
    assert one("nosuch", bundled(), tmp_path) is None
    assert one("../themes/paper", bundled()) is None


def test_a_theme_that_is_not_there_is_told_with_those_that_are() -> None:
    problem = missing("graphit\x1b[31m", ["paper", "graphite"])

    assert problem.remedy == "choose one of: graphite, paper"
    assert problem.subject == "graphit"


class Coloured(App[None]):
    CSS = "Static { color: $cost-local; background: $cost-cloud; border: solid $text-warning; }"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        theme = self.get_theme(self.theme)
        return variable_defaults(theme) if theme else {}

    def compose(self) -> ComposeResult:
        yield Static("text")


async def test_every_theme_draws_and_its_own_colours_win_over_the_defaults() -> None:
    app = Coloured()
    for theme in OURS.themes:
        app.register_theme(theme)

    async with app.run_test() as pilot:
        for theme in OURS.themes:
            app.theme = theme.name
            await pilot.pause()
            assert app.query_one(Static).styles.color == Color.parse(theme.variables["cost-local"])
        app.theme = "textual-dark"
        await pilot.pause()
        default = variable_defaults(BUILTIN_THEMES["textual-dark"])["cost-local"]
        assert app.query_one(Static).styles.color == Color.parse(default)
