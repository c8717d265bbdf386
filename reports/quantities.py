"""Numbers as people read them; every unit of the result files has one way to be written."""

import math


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


def plural(number: int, noun: str, many: str = "") -> str:
    """1 → "1 frame", 2 → "2 frames"; `many` where the noun takes more than an s."""
    return f"{count(number)} {noun if number == 1 else many or noun + 's'}"


def percent(part: float) -> str:
    """0.25 → "25 %", 0.002 → "0.2 %"."""
    return f"{100 * part:.0f} %" if part > 0.1 else f"{100 * part:.2g} %"


def number(value: float, digits: int) -> str:
    """1.25 → "1.2"; "–" for NaN, where there was nothing to take a mean of."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def no_failure_in(trials: int, noun: str) -> str:
    """What so many trials without a failure say of all that might be made; of up to three, nothing."""
    if trials <= 3:
        return ""
    return (
        f"With no failure in {plural(trials, noun)}, fewer than {percent(3 / trials)} of such {noun}s fail,"
        " with 95 % confidence (rule of three)."
    )
