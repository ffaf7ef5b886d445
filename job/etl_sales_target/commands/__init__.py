"""What the commands do that do not load."""
