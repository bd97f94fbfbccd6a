"""llmhub: local and cloud models side by side, in a terminal, with every turn booked."""

__version__ = "0.1.0"
