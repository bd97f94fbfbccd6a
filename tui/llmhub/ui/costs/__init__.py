"""Parts of the Costs mode that need no screen of their own."""
