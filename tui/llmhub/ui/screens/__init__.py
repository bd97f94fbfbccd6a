"""The modes of the app."""
