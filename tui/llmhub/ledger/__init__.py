"""Turns on disk, totals in memory."""
