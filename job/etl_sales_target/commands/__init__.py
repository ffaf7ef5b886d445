"""One module per command, and `versions` for --version."""
