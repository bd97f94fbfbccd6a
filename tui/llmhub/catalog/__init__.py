"""What can be pulled, and what is in it."""
