"""What this computer has: memory, a name, and a way to start the daemon. Importing this looks at nothing."""
