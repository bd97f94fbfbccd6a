"""From an op of the shared vectors to our own functions, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any

from llmhub import formats
from llmhub.core.costs import (
    billing,
    counterfactual,
    decisions,
    energy,
    hardware,
    labels,
    live,
    loaded,
    pricing,
    snapshots,
)

D = Decimal
VECTORS = json.loads((Path(__file__).parents[2] / "data" / "cost-vectors.json").read_text("utf-8"), parse_float=Decimal)
_PLACES = sorted(VECTORS["rules"]["places"].items(), key=lambda item: -len(item[0]))
_WIDE = Context(prec=60)


def at(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def dec(inputs: Mapping[str, Any], *keys: str) -> dict[str, Decimal]:
    """The named decimals, those that are there."""
    return {key: D(inputs[key]) for key in keys if inputs.get(key) is not None}


def energy_from_counters(i: dict[str, Any]) -> dict[str, Any]:
    found = energy.energy_from_counters(
        i["counters"],
        attribution=i["attribution"],
        **dec(i, "window_s", "idle_w", "wall_factor", "unmetered_w"),
    )
    return {"metered_j": found.metered_j, "charged_j": found.charged_j, "label": found.label}


def energy_declared(i: dict[str, Any]) -> dict[str, Any]:
    found = energy.energy_declared(attribution=i["attribution"], **dec(i, "busy_w", "idle_w", "busy_s"))
    return {"charged_j": found.charged_j, "label": found.label}


def energy_split(i: dict[str, Any]) -> dict[str, Any]:
    shares, alone = energy.energy_split(
        [(D(s["t0"]), D(s["t1"]), D(s["joules"])) for s in i["samples"]],
        {turn["id"]: (D(turn["start"]), D(turn["end"])) for turn in i["turns"]},
    )
    return {"turns_j": shares, "unattributed_j": alone}


def energy_cost(i: dict[str, Any]) -> dict[str, Any]:
    tariff = [
        energy.TariffWindow(time.fromisoformat(w["start"]), time.fromisoformat(w["end"]), D(w["usd_per_kwh"]))
        for w in i.get("tariff", ())
    ]
    cost = energy.energy_cost(D(i["charged_j"]), D(i["usd_per_kwh"]), tariff=tariff, local_time=at(i.get("local_time")))
    return {"energy_kwh": D(i["charged_j"]) / energy.JOULES_PER_KWH, "energy_usd": cost}


def hardware_month(i: dict[str, Any]) -> dict[str, Any]:
    numbers = dec(
        i,
        "price_usd",
        "residual_fraction",
        "annual_cost_of_capital",
        "share",
        "standby_w",
        "standby_hours",
        "usd_per_kwh",
    )
    month = hardware.hardware_month(
        life_months=i["life_months"],
        capital_basis=i["capital_basis"],
        month_index=i.get("month_index", 0),
        **numbers,
    )
    return {
        "depreciation_usd": month.depreciation,
        "capital_usd": month.capital,
        "standby_usd": month.standby,
        "fixed_month_usd": month.fixed,
    }


def loaded_busy_second(i: dict[str, Any]) -> dict[str, Any]:
    cost = loaded.loaded_busy_second(**{key: D(value) for key, value in i.items()})
    return {
        "rate_usd_per_busy_s": cost.rate_per_busy_s,
        "fixed_part_usd": cost.fixed_part,
        "loaded_usd": cost.loaded,
        "unabsorbed_usd": cost.unabsorbed,
    }


def loaded_month_tokens(i: dict[str, Any]) -> dict[str, Any]:
    turns = [loaded.TokenTurn(turn["id"], turn["tokens"], D(turn["energy_usd"])) for turn in i["turns"]]
    month = loaded.loaded_month_tokens(D(i["fixed_month_usd"]), D(i["accrued_fraction"]), turns)
    return {
        "fixed_usd": month.fixed,
        "loaded_usd": month.loaded,
        "unallocated_usd": month.unallocated,
        "effective_usd_per_m": month.usd_per_m,
        "provisional": month.provisional,
    }


def cloud_cost(i: dict[str, Any]) -> dict[str, Any]:
    cost = pricing.cloud_cost(i["pricing"], pricing.Tokens(**i["tokens"]), at(i.get("at_utc")))
    return {
        "fresh_prompt_usd": cost.fresh_prompt,
        "cached_prompt_usd": cost.cached_prompt,
        "cache_write_usd": cost.cache_write,
        "completion_usd": cost.completion,
        "reasoning_usd": cost.reasoning,
        "request_usd": cost.request,
        "total_usd": cost.total,
    }


def token_ratio(i: dict[str, Any]) -> dict[str, Any]:
    local, cloud = (counterfactual.SeenText(**i[side]) for side in ("local", "cloud"))
    ratio, label = counterfactual.token_ratio(local, cloud, i["min_bytes"])
    return {"tokens_ratio": ratio, "label": label}


def cloud_counterfactual(i: dict[str, Any]) -> dict[str, Any]:
    cache = i["cache"]
    known = counterfactual.PrefixCache(
        policy=cache["policy"],
        prefix_tokens=cache["prefix_tokens"],
        gap_s=None if cache["gap_s"] is None else D(cache["gap_s"]),
        ttl_s=D(cache["ttl_s"]),
        min_tokens=cache["min_tokens"],
    )
    cost = counterfactual.cloud_counterfactual(
        i["pricing"],
        **i["local"],
        prompt_ratio=D(i["prompt_ratio"]),
        completion_ratio=D(i["completion_ratio"]),
        ratio_band=(D(i["ratio_band"][0]), D(i["ratio_band"][1])),
        cache=known,
    )
    return {"low_usd": cost.low, "point_usd": cost.point, "high_usd": cost.high}


@dataclass(frozen=True)
class Snapshot:
    id: str
    since: datetime


def pick_snapshot(i: dict[str, Any]) -> dict[str, Any]:
    versions = [Snapshot(each["id"], moment(each["from"])) for each in i["snapshots"]]
    picked = snapshots.pick_snapshot(versions, moment(i["at"]), i["mode"])
    assert picked is not None
    return {"id": picked.version.id, "exact": picked.exact}


def co2(i: dict[str, Any]) -> dict[str, Any]:
    grams = decisions.co2(
        life_months=i["life_months"],
        month_tokens=int(i["month_tokens"]),
        **dec(i, "energy_kwh", "grid_g_per_kwh", "embodied_kg", "share"),
    )
    return {
        "operational_g": grams.operational_g,
        "embodied_month_g": grams.embodied_month_g,
        "per_1k_tokens_g": grams.per_1k_tokens_g,
    }


def credit_fee(i: dict[str, Any]) -> dict[str, Any]:
    fee, effective_rate = billing.credit_fee(**dec(i, "topup_usd", "fee_fraction", "minimum_usd"))
    return {"fee_usd": fee, "effective_rate": effective_rate}


def cloud_actual(i: dict[str, Any]) -> dict[str, Any]:
    figure = billing.cloud_actual(i["usage"], None if i["estimate_usd"] is None else D(i["estimate_usd"]))
    return {"actual_usd": figure.amount, "label": figure.label}


def price_check(i: dict[str, Any]) -> dict[str, Any]:
    pairs = [(D(pair["estimate_usd"]), D(pair["billed_usd"])) for pair in i["pairs"]]
    check = billing.price_check(pairs, min_pairs=i["min_pairs"], tolerance=D(i["tolerance"]))
    return {"estimate_over_billed_ratio": check.ratio, "pairs": check.pairs, "ok": check.ok}


def free_allowance(i: dict[str, Any]) -> dict[str, Any]:
    allowed = counterfactual.free_allowance(
        requests_today=i["requests_today"],
        credits_purchased_usd=D(i["credits_purchased_usd"]),
        threshold_usd=D(i["threshold_usd"]),
    )
    return {"limit_per_day": allowed.limit_per_day, "would_fit": allowed.would_fit}


def ledger_rates(i: dict[str, Any]) -> dict[str, Any]:
    turns = [
        decisions.RatedTurn(
            turn["prompt_tokens"],
            turn["completion_tokens"],
            None if turn["energy_usd"] is None else D(turn["energy_usd"]),
            D(turn["busy_s"]),
        )
        for turn in i["turns"]
    ]
    rates = decisions.ledger_rates(turns)
    return {
        "energy_usd_per_m": rates.energy_usd_per_m,
        "busy_s_per_1k_tokens_s": rates.busy_s_per_1k,
        "billable_tok_per_s": rates.tok_per_s,
        "turns_counted": rates.turns,
    }


def blended_price(i: dict[str, Any]) -> dict[str, Any]:
    mix = {share: D(value) for share, value in i["mix"].items()}
    return {"blended_usd_per_m": pricing.blended_price(i["pricing"], **mix)}


def capacity(i: dict[str, Any]) -> dict[str, Any]:
    return {"capacity_mtok": decisions.capacity(D(i["tok_per_s"]), D(i["hours_per_day"]))}


def break_even(i: dict[str, Any]) -> dict[str, Any]:
    found = decisions.break_even(
        **dec(i, "fixed_month_usd", "cloud_usd_per_m", "credit_fee", "local_energy_usd_per_m", "capacity_mtok")
    )
    return {
        "margin_usd_per_m": found.margin_usd_per_m,
        "capacity_mtok": D(i["capacity_mtok"]),
        "break_even_mtok": found.mtok,
        "utilisation_ratio": found.utilisation,
        "verdict": found.verdict,
    }


def effective(i: dict[str, Any]) -> dict[str, Any]:
    numbers = dec(i, "fixed_month_usd", "local_energy_usd_per_m", "cloud_usd_per_m", "credit_fee")
    rows = [decisions.effective(D(volume), **numbers) for volume in i["monthly_mtok"]]
    return {
        "rows": [
            {
                "local_usd_per_m": row.local_usd_per_m,
                "cloud_usd_per_m": row.cloud_usd_per_m,
                "local_month_usd": row.local_month,
                "cloud_month_usd": row.cloud_month,
                "savings_month_usd": row.savings,
                "cheaper": row.cheaper,
            }
            for row in rows
        ]
    }


def payback(i: dict[str, Any]) -> dict[str, Any]:
    numbers = dec(
        i,
        *(
            "price_usd",
            "monthly_mtok",
            "cloud_usd_per_m",
            "credit_fee",
            "local_energy_usd_per_m",
            "annual_price_decline",
        ),
    )
    found = decisions.payback(life_months=i["life_months"], **numbers)
    return {
        "first_month_saving_usd": found.first_month_saving,
        "payback_months": found.months,
        "whole_month": found.whole_month,
        "verdict": found.verdict,
    }


def savings(i: dict[str, Any]) -> dict[str, Any]:
    def money(value: str | None) -> Decimal | None:
        return None if value is None else D(value)

    found = decisions.savings(
        [(money(t["energy_usd"]), money(t["counterfactual_usd"])) for t in i["turns"] if t["backend"] == "local"],
        billed=[D(t["billed_usd"]) for t in i["turns"] if t["backend"] == "cloud"],
        credit_fee=D(i["credit_fee"]),
        fixed_period_usd=D(i["fixed_period_usd"]),
    )
    return {
        "energy_usd": found.energy,
        "avoided_usd": found.avoided,
        "cloud_cash_usd": found.cloud_cash,
        "savings_energy_only_usd": found.energy_only,
        "savings_fully_loaded_usd": found.fully_loaded,
        "words_energy_only": decisions.saving_words(found.energy_only),
        "words_fully_loaded": decisions.saving_words(found.fully_loaded),
        "turns_counted": found.turns_counted,
        "turns_left_out": found.turns_left_out,
    }


def cost_per_win(i: dict[str, Any]) -> dict[str, Any]:
    numbers = {key: i[key] for key in ("wins", "ties", "losses", "min_votes")}
    figure, votes = decisions.cost_per_win(D(i["cost_usd"]), **numbers)
    return {"per_win_usd": figure.amount, "votes": votes, "label": figure.label}


def label(i: dict[str, Any]) -> dict[str, Any]:
    return {"label": labels.weakest(i["inputs"])}


def display_usd(i: dict[str, Any]) -> dict[str, Any]:
    amount = None if i["usd"] is None else D(i["usd"])
    return {"text": formats.usd(amount, i["label"], i.get("bound", ""))}


def display_per_m(i: dict[str, Any]) -> dict[str, Any]:
    return {"text": formats.per_m(D(i["usd_per_m"]), i["label"], i.get("bound", ""))}


def live_local(i: dict[str, Any]) -> dict[str, Any]:
    now = live.live_local(
        pricing=i["pricing"],
        prompt_tokens=i["prompt_tokens"],
        completion_tokens=i["completion_tokens"],
        **dec(i, "elapsed_s", "charged_j", "usd_per_kwh", "rate_usd_per_busy_s"),
        **dec(i, "prompt_ratio", "completion_ratio", "credit_fee"),
    )
    return {
        "energy_usd": now.energy,
        "loaded_usd": now.loaded,
        "cloud_usd": now.cloud,
        "ahead_energy_only_usd": now.ahead_energy_only,
        "ahead_fully_loaded_usd": now.ahead_fully_loaded,
    }


def live_cloud(i: dict[str, Any]) -> dict[str, Any]:
    now = live.live_cloud(
        pricing=i["pricing"],
        prompt_tokens=i["prompt_tokens"],
        completion_tokens=i["completion_tokens"],
        **dec(i, "credit_fee", "local_energy_usd_per_m"),
    )
    return {"estimate_usd": now.estimate, "cash_usd": now.cash, "local_energy_usd": now.local_energy}


def rate_per_m(i: dict[str, Any]) -> dict[str, Any]:
    return {"usd_per_m": decisions.rate_per_m(**dec(i, "usd_per_year", "busy_hours_per_year", "tok_per_s"))}


def energy_per_m(i: dict[str, Any]) -> dict[str, Any]:
    joules, usd = decisions.energy_per_m(**dec(i, "busy_w", "tok_per_s", "usd_per_kwh"))
    return {"per_token_j": joules, "usd_per_m": usd}


OPS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    function.__name__: function
    for function in (
        *(energy_from_counters, energy_declared, energy_split, energy_cost, hardware_month, loaded_busy_second),
        *(loaded_month_tokens, cloud_cost, token_ratio, cloud_counterfactual, pick_snapshot, co2, credit_fee),
        *(cloud_actual, price_check, free_allowance, ledger_rates, blended_price, capacity, break_even, effective),
        *(payback, savings, cost_per_win, label, display_usd, display_per_m, live_local, live_cloud),
        *(rate_per_m, energy_per_m),
    )
}
"""Each op of cost-model.md, section 14, that is covered."""

NOT_COVERED_YET: dict[str, str] = {}
"""Ops of the vectors that llmhub does not work out yet, and why."""


def as_compared(key: str, value: Any) -> Any:
    """A result as the file's rules compare it: quantized once to the places of its key's suffix."""
    if isinstance(value, dict):
        nested = any(f"_{key}".endswith(suffix) for suffix, _ in _PLACES)
        return {name: as_compared(key if nested else name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_compared(key, each) for each in value]
    if isinstance(value, Decimal):
        for suffix, places in _PLACES:
            if f"_{key}".endswith(suffix):
                return format(value.quantize(D(1).scaleb(-places), ROUND_HALF_EVEN, _WIDE), "f")
        raise AssertionError(f"no rule says to how many places {key} is compared")
    return str(value) if isinstance(value, str) else value
