"""How a simulated OpenRouter is to behave, as one value."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal

DUMMY_KEY = "sk-or-v1-simulated"
"""The one ordinary key that the simulator knows; it is worth nothing anywhere else."""
MANAGEMENT_KEY = "sk-or-v1-simulated-management"
"""Reads `/credits` and `/activity`, which an ordinary key may not."""
FIREHOSE = "sim/firehose"
"""The benchmarks' model; `sim/firehose:<rate>x<tokens>` says so many tokens at that rate."""


@dataclass(frozen=True, slots=True)
class OpenRouterScript:
    """A provider of many models, the account on it, and its manners. Amounts are US dollars."""

    key: str = DUMMY_KEY
    management_key: str = MANAGEMENT_KEY
    limit_usd: Decimal | None = Decimal(25)
    """What the key may spend in a month; `None`: no cap."""
    limit_reset: str | None = "monthly"
    used_usd: Decimal = Decimal("112.871203")
    """What the key had spent before the simulator started, ever, and in the running day, week and month."""
    used_today_usd: Decimal = Decimal("0.208114")
    used_week_usd: Decimal = Decimal("1.030877")
    used_month_usd: Decimal = Decimal("3.695188")
    credits_usd: Decimal = Decimal("150.5")
    """Credits ever bought; once they are used up even free models answer 402."""
    is_free_tier: bool = False
    byok: bool = False
    """The providers bill the account's own keys; `usage.cost` is then OpenRouter's fee alone."""
    byok_fee: Decimal = Decimal("0.05")
    tokens_per_s: float | None = None
    """Decode speed of every model but the firehose; `None`: each endpoint its own; `inf`: as fast as it goes."""
    first_token_s: float | None = None
    """Seconds before the first token; `None`: each endpoint its own, 0.3 to 0.7."""
    write_every_s: float = 0.005
    """Tokens that fall due within this time are written together; each remains an event of its own."""
    comment_every_s: float = 0.25
    """While the first token is waited for, `: OPENROUTER PROCESSING` comes this often."""
    comment_every_tokens: int = 40
    """So many tokens apart such a comment also stands between chunks; the first after the second token."""
    splits: bool = False
    """Every answer arrives in pieces of 1 to 37 bytes, cut inside characters."""
    lookups_unknown: int = 2
    """So often `/generation` answers 404 once a request has ended; then it has the record."""
    cache_s: float = 300.0
    """How long a prompt's beginning is remembered."""
    cache_block_tokens: int = 64
    """Cached tokens come in whole blocks of this many."""
    rotates: bool = False
    """Requests without wishes go round the endpoints that are up; else to the one whose price the list shows."""
    tool_calls: int = 1
    """How many of the offered tools are called at once."""
    free_per_minute: int = 20
    max_body_bytes: int = 16 * 2**20
    crowd: int = 380
    """How many invented models stand in the list beside the known ones."""
    has_firehose: bool = False
    firehose_rate_per_s: float = 1000.0
    firehose_tokens: int = 5000

    def at_once(self) -> OpenRouterScript:
        """The same without any waiting, for tests that are not about time."""
        return replace(self, tokens_per_s=math.inf, first_token_s=0.0)
