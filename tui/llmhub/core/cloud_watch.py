"""What is known of the cloud provider: its models, what the key may still spend, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from llmhub.core.cloud import CloudListing, CloudModel, KeyInfo
from llmhub.core.errors import BackendError
from llmhub.core.ports import CloudHost, OfflineSwitch


@dataclass(frozen=True, slots=True)
class CloudState:
    """One look at the provider."""

    has_key: bool = False
    offline: bool = False
    listing: CloudListing = CloudListing()
    key_info: KeyInfo | None = None
    error: BackendError | None = None

    def model(self, model_id: str) -> CloudModel | None:
        """The model of that id."""
        return self.listing.model(model_id)

    @property
    def known_as(self) -> str:
        """Why a cloud lane cannot be used now, in words; empty when it can."""
        if self.offline:
            return "offline is on"
        return "" if self.has_key else "no key yet"


class CloudWatch:
    """Looks at the provider when asked: never before the person wants a cloud lane or has a key.

    Args:
        on_change: Called on the loop with each new state.
    """

    def __init__(self, cloud: CloudHost, switch: OfflineSwitch, on_change: Callable[[CloudState], None]) -> None:
        self._cloud = cloud
        self._switch = switch
        self._on_change = on_change
        self._one = asyncio.Lock()
        self.state = CloudState(has_key=cloud.has_key, offline=switch.offline)

    async def look(self, *, refresh: bool = False) -> CloudState:
        """The list of models and the key's limits; both as far as they can be had."""
        async with self._one:
            state = replace(self.state, has_key=self._cloud.has_key, offline=self._switch.offline, error=None)
            try:
                state = replace(state, listing=await self._cloud.models(refresh=refresh))
            except BackendError as error:
                state = replace(state, error=error)
            state = replace(state, has_key=self._cloud.has_key)  # the keyring may have been asked with the first call
            if state.has_key and not state.offline:
                state = await self._with_key_info(state)
            self._settle(state)
            return self.state

    async def look_at_key(self) -> None:
        """What the key may still spend: after a turn was billed."""
        async with self._one:
            if self._cloud.has_key and not self._switch.offline:
                self._settle(await self._with_key_info(replace(self.state, has_key=True)))

    def remember(self, listing: CloudListing) -> None:
        """Take a list that was kept, until a newer one is fetched."""
        if listing.models and not self.state.listing.models:
            self._settle(replace(self.state, listing=listing))

    def switched(self) -> None:
        """The offline switch was moved, or a key was set."""
        self._settle(replace(self.state, has_key=self._cloud.has_key, offline=self._switch.offline))

    async def _with_key_info(self, state: CloudState) -> CloudState:
        try:
            return replace(state, key_info=await self._cloud.key_info())
        except BackendError as error:
            return replace(state, error=state.error or error)

    def _settle(self, state: CloudState) -> None:
        if state != self.state:
            self.state = state
            self._on_change(state)
