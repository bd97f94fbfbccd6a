"""Which model and which endpoint answer a request (openrouter-api.md, section 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from llmhub.simulators.openrouter_catalogue import SimCloudModel, SimEndpoint
from llmhub.simulators.openrouter_faults import CloudRefusal, from_model, plain, unavailable
from llmhub.simulators.openrouter_json import dumps
from llmhub.simulators.openrouter_models import firehose, models
from llmhub.simulators.openrouter_orders import CloudOrder
from llmhub.simulators.openrouter_prices import in_force
from llmhub.simulators.openrouter_script import FIREHOSE, OpenRouterScript

_SHORTCUTS = ("nitro", "floor", "exacto", "online")
_FIREHOSE = re.compile(rf"^{FIREHOSE}:(?P<rate>\d{{1,7}})x(?P<tokens>\d{{1,9}})$")
_NOT_PARAMETERS = {"reasoning", "tools", "tool_choice", "service_tier", "usage", "stream_options", "transforms"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who answers."""

    asked: str
    model: SimCloudModel
    endpoint: SimEndpoint
    router: str | None = None
    """The router that chose the model."""


class Catalogue:
    """The models by their names, and who of their endpoints serves a request."""

    def __init__(self, script: OpenRouterScript) -> None:
        self._script = script
        self.firehose = (script.firehose_rate_per_s, script.firehose_tokens)
        """What the model without figures in its name does; a benchmark changes it between two runs."""
        self._models = models(script.crowd)
        self._by_name = {model.slug: model for model in reversed(self._models)}
        self._by_name |= {model.id: model for model in self._models}
        self._turn = 0
        self._said: tuple[str, bytes] = ("", b"")

    @property
    def models(self) -> tuple[SimCloudModel, ...]:
        """All of them, in the list's order."""
        return (firehose(*self.firehose), *self._models) if self._script.has_firehose else self._models

    def find(self, name: str) -> SimCloudModel | None:
        """The model of an id or a dated slug, a fault's name and a routing shortcut taken off."""
        name = from_model(name)[0]
        if self._script.has_firehose and name == FIREHOSE:
            return firehose(*self.firehose)
        if self._script.has_firehose and (match := _FIREHOSE.match(name)) is not None:
            return firehose(float(match["rate"]), int(match["tokens"]), name)
        head, _, shortcut = name.rpartition(":")
        return self._by_name.get(head if shortcut in _SHORTCUTS else name)

    def row(self, model: SimCloudModel, at: datetime) -> dict[str, Any]:
        """A model's row of the list."""
        return model.body(at, self.find(model.alias_of) if model.alias_of else None)

    def whole(self, at: datetime) -> bytes:
        """The whole list, written once for every minute in which it is asked for: prices follow the clock."""
        minute = at.strftime("%Y-%m-%d %H:%M") + str(self.firehose)
        if self._said[0] != minute:
            rows = [self.row(model, at) for model in self.models]
            body = {"data": rows, "total_count": len(rows), "links": {"next": None}}
            self._said = minute, dumps(body).encode()
        return self._said[1]

    def choose(self, order: CloudOrder, at: datetime) -> Chosen:
        """Who answers.

        Raises:
            CloudRefusal: 400 for a model nobody knows, 404 when no endpoint is left.
        """
        asked = next((name for name in order.models if self.find(name) is not None), None)
        if asked is None:
            raise unavailable(400, f"{order.models[0]} is not a valid model ID", "model_not_found", list(order.models))
        model, router = self.find(asked), None
        assert model is not None
        if model.routes_to:
            router = model.id
            model = self._by_name[model.routes_to[len(str(order.messages[-1].get("content"))) % len(model.routes_to)]]
        if model.alias_of:
            model = self._by_name[model.alias_of]
        if order.images and "image" not in model.inputs:
            raise plain(404, "No endpoints found that support image input")
        return Chosen(asked, model, self._endpoint(model, asked, order, at), router)

    def _endpoint(self, model: SimCloudModel, asked: str, order: CloudOrder, at: datetime) -> SimEndpoint:
        wishes = order.wishes
        shortcut = from_model(asked)[0].rpartition(":")[2]
        left = list(model.endpoints)
        for reason, keeps in _filters(model, order, at).items():
            before, left = left, [endpoint for endpoint in left if keeps(endpoint)]
            if before and not left:
                raise _none_left(asked, reason, before)
        tiers = _tiers(order, shortcut)
        left = [
            endpoint for endpoint in left if not endpoint.tier or endpoint.tier in tiers or _named(endpoint, wishes)
        ]
        if not left:
            raise unavailable(404, f"No endpoints found for {asked}", "no_endpoints", [asked])
        up = [endpoint for endpoint in left if endpoint.status >= 0] or left
        sort = wishes.get("sort")
        by = sort.get("by") if isinstance(sort, dict) else sort
        by = {"nitro": "throughput", "floor": "price"}.get(shortcut, by)
        if by in ("price", "throughput", "latency"):
            return min(up, key=_worth(str(by), at))
        order_of = [str(name) for name in wishes.get("order") or []]
        for name in order_of:
            for endpoint in up:
                if name in (endpoint.tag, endpoint.provider.slug, endpoint.provider.name):
                    return endpoint
        if order_of and wishes.get("allow_fallbacks") is False:
            raise unavailable(
                404,
                f"No allowed providers for {asked}",
                "constraint_filtered",
                [asked],
                excluded_by=["allowed_providers"],
            )
        if order.tier in ("flex", "priority"):
            return next((endpoint for endpoint in up if endpoint.tier == order.tier), up[0])
        if self._script.rotates:
            self._turn += 1
            return up[(self._turn - 1) % len(up)]
        return next((endpoint for endpoint in up if endpoint.pricing == model.pricing), up[0])


def _filters(model: SimCloudModel, order: CloudOrder, at: datetime) -> dict[str, Callable[[SimEndpoint], bool]]:
    wishes = order.wishes
    only = [str(name) for name in wishes.get("only") or []]
    ignored = [str(name) for name in wishes.get("ignore") or []]
    quantizations = wishes.get("quantizations") or []
    dearest = wishes.get("max_price") or {}
    unknown = order.asks_for - set(model.parameters) - _NOT_PARAMETERS

    def is_in(endpoint: SimEndpoint, names: list[str]) -> bool:
        return bool({endpoint.tag, endpoint.provider.slug, endpoint.provider.name} & set(names))

    return {
        "data_policy:training": lambda e: wishes.get("data_collection") != "deny" or not e.provider.collects,
        "data_policy:zdr": lambda e: wishes.get("zdr") is not True or e.provider.zdr,
        "allowed_providers": lambda e: (not only or is_in(e, only)) and not is_in(e, ignored),
        "quantization": lambda e: not quantizations or (e.quantization or "unknown") in quantizations,
        "max_price": lambda e: _affordable(e, dearest, at),
        "require_parameters": lambda _: wishes.get("require_parameters") is not True or not unknown,
    }


def _none_left(asked: str, reason: str, before: list[SimEndpoint]) -> CloudRefusal:
    code = "privacy_restricted" if reason.startswith("data_policy") else "constraint_filtered"
    slugs = sorted({endpoint.provider.slug for endpoint in before})
    more: dict[str, Any] = {"affected_providers": slugs, "excluded_by": [reason]}
    if code == "constraint_filtered":
        more["constraint"] = {"field": reason, "detail": "every endpoint is excluded by it"}
    return unavailable(404, f"No endpoint of {asked} is left by {reason}", code, [asked], **more)


def _affordable(endpoint: SimEndpoint, dearest: Mapping[str, Any], at: datetime) -> bool:
    prices = in_force(endpoint.pricing, at)
    for name in ("prompt", "completion"):
        if name not in dearest:
            continue
        try:
            most = Decimal(str(dearest[name]))
        except InvalidOperation as error:
            raise plain(400, "Invalid request parameters: max_price") from error
        if Decimal(prices[name]) * 1_000_000 > most:
            return False
    return True


def _tiers(order: CloudOrder, shortcut: str) -> set[str]:
    found = {"nitro": {"priority"}, "floor": {"flex"}}.get(shortcut, set())
    return found | ({order.tier} if order.tier in ("flex", "priority") else set())


def _named(endpoint: SimEndpoint, wishes: Mapping[str, Any]) -> bool:
    return endpoint.tag in [*(wishes.get("order") or []), *(wishes.get("only") or [])]


def _worth(by: str, at: datetime) -> Callable[[SimEndpoint], Any]:
    if by == "throughput":
        return lambda endpoint: -endpoint.rate
    if by == "latency":
        return lambda endpoint: endpoint.delay_s
    return lambda endpoint: sum(Decimal(in_force(endpoint.pricing, at)[key]) for key in ("prompt", "completion"))
