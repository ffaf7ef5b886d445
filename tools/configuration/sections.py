"""The generated parts of files that are otherwise written by hand, between two marked lines."""

_BY = "made by `make configuration`"


def replaced(text: str, name: str, content: str, *, comment: str = "<!-- {} -->") -> str:
    """The text with this content in its section `name`; the marked lines may be indented.

    Raises ValueError if the text has no such section.
    """
    begin = comment.format(f"{name}: begin; {_BY}")
    end = comment.format(f"{name}: end")
    before, _, rest = text.partition(f"{begin}\n")
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"The lines {begin!r} and {end!r} are missing.")
    # The end's own indentation.
    indent = before[before.rfind("\n") + 1 :]
    return f"{before}{begin}\n{content}{indent}{end}{after}"
