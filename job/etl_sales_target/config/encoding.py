"""Environment variables are UTF-8, as files are, whatever the locale makes of them."""

import os


def as_utf8(text: str) -> str:
    """What a variable's bytes say, given as Python read them. Raises UnicodeDecodeError."""
    return os.fsencode(text).decode()
