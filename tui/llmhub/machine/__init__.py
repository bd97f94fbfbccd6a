"""What this computer has: memory, processor, power."""
