"""The assumption profile as a form: every key, in groups, each with what it is and where its default comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from llmhub import formats
from llmhub.core.errors import ConfigError
from llmhub.core.plain import one_line
from llmhub.core.profile_keys import KEYS, Unusable, read_value
from llmhub.core.profile_texts import example, text_of
from llmhub.core.profiles import Profile

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "power",
        (
            *("busy_w", "idle_w", "usd_per_kwh", "tariff", "idle_attribution", "wall_factor", "unmetered_w"),
            *("standby_w", "standby_hours"),
        ),
    ),
    (
        "the machine",
        (
            *("price_usd", "residual_fraction", "life_months", "purchased", "annual_cost_of_capital"),
            *("capital_basis", "share", "planned_busy_s_per_month"),
        ),
    ),
    ("compared with the cloud", ("reference_model", "cache_policy", "cache_ttl_s", "cache_min_tokens")),
    ("credits", ("topup_usd", "credit_fee_fraction", "credit_fee_minimum_usd")),
    ("carbon and time", ("grid_g_per_kwh", "embodied_kg", "hour_value_usd")),
)
"""Every key once; a test holds this against `KEYS`."""


def about_key(key: str) -> str:
    """`default 0.18 $/kWh (US average 2026, EIA forecast) · such as 0.34`."""
    known = KEYS[key]
    default = text_of(key, getattr(Profile(), key))
    unit = f" {known.unit}" if known.unit else ""
    if default:
        source = f" ({known.default_source})" if known.default_source != "llmhub's default" else ""
        told = f"default {default}{unit}{source}"
    else:
        told = known.default_source if known.default_source.startswith("not set") else "not set"
    choices = f"{' or '.join(known.choices)}" if known.choices else f"such as {example(key)}{unit}"
    return f"{told} · {choices}"


def wrong_value(key: str, text: str) -> ConfigError | None:
    """What is wrong with a text for `key`, in three parts; an empty one takes the key back to its default."""
    if not text:
        return None
    try:
        read_value(key, text)
    except Unusable as error:
        subject = f"{KEYS[key].words}: {one_line(text, 60)}"
        return ConfigError("This value cannot be used", subject, f"write {error}")
    return None


class ProfileScreen(ModalScreen[Mapping[str, str] | None]):
    """The answer is what was changed, by key; an empty text takes a key back to its default."""

    DEFAULT_CSS = """
    ProfileScreen {
        align: center middle;
        & > .box { width: 96%; max-width: 100; height: 90%; background: $surface; padding: 0 2; }
        & .title { text-style: bold; height: 1; }
        & VerticalScroll { height: 1fr; }
        & .group { color: $text-accent; height: 1; margin-top: 1; }
        & .row { height: 1; }
        & .name { width: 44; height: 1; }
        & Input { width: 1fr; border: none; height: 1; padding: 0 1; background: $panel; }
        & Input:focus { border: none; background: $boost; }
        & .about { height: 2; color: $foreground-muted; margin-top: 1; }
        & .wrong { height: auto; max-height: 3; color: $text-error; }
        & .keys { height: 1; color: $foreground-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="profile.back", tooltip="Leave without a change"),
        Binding("ctrl+s", "keep", "keep", id="profile.keep", tooltip="Keep what stands here"),
        # before the scrolling that holds the fields, which knows these keys too
        Binding("up", "step(-1)", "field above", id="profile.up", tooltip="The field above", show=False, priority=True),
        Binding(
            "down", "step(1)", "field below", id="profile.down", tooltip="The field below", show=False, priority=True
        ),
    ]

    def __init__(self, profile: Profile) -> None:
        super().__init__()
        self._said = {
            key: text_of(key, getattr(profile, key)) if key in profile.declared else "" for key in profile.values()
        }

    def compose(self) -> ComposeResult:
        """Groups of fields, what the one with the focus is, what is wrong, keys."""
        with Vertical(classes="box"):
            yield Label(Content("Profile: what power, the machine and the cloud cost"), classes="title")
            with VerticalScroll(can_focus=False):
                for title, keys in GROUPS:
                    yield Static(title, classes="group", markup=False)
                    for key in keys:
                        with Horizontal(classes="row"):
                            yield Label(Content(KEYS[key].words), classes="name")
                            shown = text_of(key, getattr(Profile(), key)) or formats.UNKNOWN
                            yield Input(self._said[key], placeholder=shown, id=f"key-{key}")
            yield Static("", classes="about", markup=False)
            yield Static("", classes="wrong", markup=False)
            yield Static(
                "enter next  ctrl+s keep  esc back · past turns keep their profile", classes="keys", markup=False
            )

    def on_mount(self) -> None:
        """Begin with the first field."""
        for entry in self.query(Input):
            entry.cursor_blink = False
        self.query(Input).first().focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what the field is."""
        if isinstance(event.widget, Input):
            self._say(_key_of(event.widget))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        if event.input.has_focus:
            self.query_one(".wrong", Static).update("")

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        wrong = wrong_value(_key_of(event.input), event.input.value.strip())
        if wrong is not None:
            self._tell(wrong)
            return
        inputs = list(self.query(Input))
        at = inputs.index(event.input)
        if at + 1 < len(inputs):
            inputs[at + 1].focus()
        else:
            self.action_keep()

    def action_step(self, by: int) -> None:
        """To the field above or below."""
        if by > 0:
            self.focus_next(Input)
        else:
            self.focus_previous(Input)

    def action_leave(self) -> None:
        """No change."""
        self.dismiss(None)

    def action_keep(self) -> None:
        """Answer with what was changed, unless a field is wrong."""
        changes = {}
        for entry in self.query(Input):
            key, text = _key_of(entry), entry.value.strip()
            if text == self._said[key]:
                continue
            wrong = wrong_value(key, text)
            if wrong is not None:
                entry.focus()
                self._tell(wrong)
                return
            changes[key] = text
        self.dismiss(changes)

    def _say(self, key: str) -> None:
        self.query_one(".about", Static).update(Content(f"[profile] {key}\n{about_key(key)}"))

    def _tell(self, error: ConfigError) -> None:
        self.query_one(".wrong", Static).update(Content(f"✗ {error}"))


def _key_of(entry: Input) -> str:
    return (entry.id or "").removeprefix("key-")
