"""The one HTTP transport, and reading lines and events from it."""
