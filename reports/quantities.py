"""Numbers as people read them; every unit of the result files has one way to be written."""


def count(value: float) -> str:
    """1234 → "1,234"."""
    return f"{value:,.0f}"


def milliseconds(value_us: float) -> str:
    """96300 → "96 ms"; short times keep a decimal, long ones are told in seconds."""
    if value_us >= 1_000_000:
        return f"{value_us / 1_000_000:,.1f} s"
    if 0 < value_us < 10_000:
        return f"{value_us / 1_000:.1f} ms"
    return f"{value_us / 1_000:,.0f} ms"


def seconds(value_us: float) -> str:
    """1500000 → "1.5 s"."""
    text = f"{value_us / 1_000_000:,.2f}".rstrip("0").rstrip(".")
    return f"{text} s"


def data_rate(bytes_per_s: float) -> str:
    """1044 → "1.0 kB/s"."""
    return f"{bytes_per_s / 1_000:,.1f} kB/s"


def share(part: float, whole: float) -> str:
    """5 of 100 → "5.0 %"; "–" where there was nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def plural(number: int, noun: str) -> str:
    """1 → "1 frame", 2 → "2 frames"."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"
