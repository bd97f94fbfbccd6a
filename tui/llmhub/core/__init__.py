"""What llmhub knows: values and rules, on the standard library alone."""
