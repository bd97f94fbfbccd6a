"""What the palette offers on a screen whose actions are its bindings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider


class BindingCommands(Provider):
    """Every action that the screen itself binds, by its description, explained by its tooltip."""

    async def discover(self) -> Hits:
        """Those that the key line shows."""
        for binding in self._bound():
            if binding.show:
                yield DiscoveryHit(self._title(binding), self._run(binding), help=self._help(binding))

    async def search(self, query: str) -> Hits:
        """All of them."""
        matcher = self.matcher(query)
        for binding in self._bound():
            title = self._title(binding)
            if (score := matcher.match(f"{title} {binding.tooltip}")) > 0:
                yield Hit(score, matcher.highlight(title), self._run(binding), help=self._help(binding))

    def _bound(self) -> Iterator[Binding]:
        seen: set[str] = set()
        for bindings in self.screen._bindings.key_to_bindings.values():
            for binding in bindings:
                if binding.id and binding.tooltip and binding.action not in seen:
                    seen.add(binding.action)
                    yield binding

    def _run(self, binding: Binding) -> partial[bool]:
        return partial(self.screen.call_later, self.screen.run_action, binding.action)

    def _help(self, binding: Binding) -> str:
        return f"{binding.tooltip} ({self.app.get_key_display(binding)})"

    @staticmethod
    def _title(binding: Binding) -> str:
        return binding.description[:1].upper() + binding.description[1:]
