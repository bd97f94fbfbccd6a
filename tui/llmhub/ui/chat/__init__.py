"""Parts of the Chat mode that are no widgets."""
