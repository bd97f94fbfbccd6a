"""Widgets: given a value, they say what happened; they fetch nothing."""
