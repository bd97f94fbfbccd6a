"""Where llmhub keeps things, what the person set, and the key. Importing this touches no disk."""
