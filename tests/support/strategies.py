"""Generated values that more than one test file wants."""

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
