"""How numbers are written in a report: short, aligned by eye, with their unit in the heading."""

SIGNIFICANT, VERY = 0.05, 0.01
MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"


def decimal(value: float, digits: int = 3) -> str:
    """Write a share without its leading zero.

    >>> decimal(0.7124), decimal(1.0), decimal(-0.03)
    ('.712', '1.000', '−.030')
    """
    written = f"{abs(value):.{digits}f}"
    text = written[1:] if written.startswith("0.") else written
    # What rounds to nothing has no sign.
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign.

    >>> signed(0.034), signed(-0.034), signed(0.0)
    ('+.034', '−.034', '.000')
    """
    text = decimal(value, digits)
    return f"+{text}" if value > 0 and float(text) else text


def p_value(value: float) -> str:
    """Write a p-value to four places.

    >>> p_value(0.0312), p_value(0.00002)
    ('.0312', '< .0001')
    """
    return decimal(value, 4) if value >= 1e-4 else "< .0001"


def mark(p_holm: float | None) -> str:
    """Give the sign of a significant difference; none for the control itself.

    >>> mark(0.03), mark(0.003), mark(0.3), mark(None)
    ('†', '‡', '', '')
    """
    if p_holm is None or p_holm >= SIGNIFICANT:
        return ""
    return "‡" if p_holm < VERY else "†"


def quantity(value: float) -> str:
    """Write a magnitude with three digits that count.

    >>> [quantity(value) for value in (0.0, 0.01234, 1.5, 22.713, 1234.5)]
    ['0', '0.0123', '1.50', '22.7', '1,234']
    """
    if not value:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    places = 2 if abs(value) < 10 else 1
    return f"{value:.{places}f}" if abs(value) >= 1 else f"{value:.3g}"


def spoken(name: str) -> str:
    """Turn a name of the code into words.

    >>> spoken("keep_rate")
    'keep rate'
    """
    return name.replace("_", " ").strip()


def fact(value: object) -> str:
    """Write whatever a stage noted.

    >>> fact(12345), fact(0.25), fact({"train": 3, "dev": 1}), fact([1, 2]), fact(None), fact(True)
    ('12,345', '0.250', 'train 3 · dev 1', '1 · 2', 'none', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}" if 1e-3 <= abs(value) < 1 else quantity(value)
    if isinstance(value, dict):
        return " · ".join(f"{spoken(str(key))} {fact(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " · ".join(fact(item) for item in value)
    return "none" if value is None else str(value)
