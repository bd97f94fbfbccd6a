"""The Textual app, its screens and its widgets."""
