"""Figures as JSON, as every command writes them."""

from __future__ import annotations

from llmhub.formats.exported import derived_json, figure_json

__all__ = ["derived_json", "figure_json"]
