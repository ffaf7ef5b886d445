"""Generated values that more than one test file wants."""

import datetime as dt
from decimal import Decimal

from hypothesis import strategies as st


@st.composite
def numbers(draw: st.DrawFn, digits: int = 38, least: int = -130) -> Decimal:
    """What a NUMBER holds exactly: up to 38 digits, from 1E-130 to below 1E126, and zero."""
    text = draw(st.text("0123456789", min_size=1, max_size=digits)).lstrip("0")
    if not text:
        return Decimal(0)  # The driver refuses a zero with an exponent, such as 0E-130.
    leading = draw(st.integers(least + len(text) - 1, 125))
    sign = draw(st.sampled_from(["", "-"]))
    return Decimal(f"{sign}{text}E{leading - len(text) + 1}")


# What COPY escapes, what a reader of lines or of CSV might trip over, and what takes several code
# points, code units or bytes; U+FDD0 and U+FDD1 are the stand-in's words for what no text has.
_TRICKY = [
    "\\N",
    "\\.",
    "\\",
    "\\\\n",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "'",
    '"',
    "|",
    "~",
    " ",
    ",",
    "%s",
]
_TRICKY += ["\u00e9", "e\u0301", "\U0001f600", "\U0001f469\u200d\U0001f4bb", "\u00df", "\u0130"]
_TRICKY += [
    "\x01",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ufffd",
    "\uffff",
    "NULL",
    "\\x00",
    "A",
    "0",
]
_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufdd0\ufdd1")


@st.composite
def texts(
    draw: st.DrawFn, most_bytes: int, *, most_characters: int = 4000, national: bool = False
) -> str:
    """What a text of Oracle holds, up to its limit, which is now and then reached."""
    part = st.sampled_from(_TRICKY) | st.text(_CHARACTERS, min_size=1, max_size=8)
    text = "".join(draw(st.lists(part, min_size=1, max_size=6)))
    if draw(st.integers(0, 9)) == 0:
        text *= most_bytes // len(text.encode()) + 1
    kept = text[:most_characters]
    # The stand-in measures what is concatenated in UTF-8, national texts as well.
    limits = {"utf-16-be": most_bytes, "utf-8": 4000} if national else {"utf-8": most_bytes}
    for encoding, most in limits.items():
        while (excess := len(kept.encode(encoding)) - most) > 0:
            kept = kept[: -max(1, excess // 4)]
    return kept


_DAYS = ["0012-03-01", "0044-03-15 BC", "1582-10-04", "1582-10-15", "1500-02-28", "1600-02-29"]
_DAYS += ["4712-01-01 BC", "0001-01-01", "0001-12-31 BC", "1970-01-01", "2024-02-29", "9999-12-31"]


@st.composite
def civil_times(draw: st.DrawFn, fraction_digits: int) -> str:
    """A moment that both databases have, as PostgreSQL writes it."""
    if draw(st.booleans()):
        day = draw(st.sampled_from(_DAYS))
    else:
        # No day that one of the two calendars lacks.
        day = draw(st.dates(dt.date(1582, 11, 1), dt.date(9999, 12, 31)).map(str))
    date, _, era = day.partition(" ")
    time = draw(st.times(dt.time(0), dt.time(23, 59, 59))).replace(microsecond=0)
    if draw(st.booleans()):
        time = draw(st.sampled_from([dt.time(0), dt.time(23, 59, 59)]))
    fraction = draw(st.text("0123456789", min_size=fraction_digits, max_size=fraction_digits))
    return f"{date} {time}{'.' * bool(fraction)}{fraction}{' ' * bool(era)}{era}"
