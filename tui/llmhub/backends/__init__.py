"""One file per vendor protocol."""
