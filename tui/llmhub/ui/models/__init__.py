"""What the Models mode is made of, beside its widgets."""
