"""How names travel between the two dictionaries."""


def swapped(name: str) -> str:
    """Oracle's KHS is PostgreSQL's khs, Oracle's "khs" is "KHS"; mixed case stays.

    >>> [swapped(name) for name in ("ID", "id", "Id", "COUNT(*)")]
    ['id', 'ID', 'Id', 'count(*)']
    """
    return name.swapcase() if name in (name.upper(), name.lower()) else name


def quoted(name: str) -> str:
    """The name as PostgreSQL's quoted identifier."""
    return '"' + name.replace('"', '""') + '"'
