"""What stands in the header of a GGUF file, read from as few of its bytes as will do."""
