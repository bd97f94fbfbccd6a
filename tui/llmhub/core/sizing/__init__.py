"""Will it fit: what a model takes in memory at a context, against what a machine can give. Everything in bytes."""
