"""Places on disk, the config file, secrets."""
