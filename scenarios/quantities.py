"""Numbers with a unit in their key, lowered to whole numbers without rounding.

A key's last word says the unit (`delay_ms`, `loss_percent`); the canonical form has the same key with
the base unit (`delay_us`, `loss_ppm`). TOML's floats arrive as Decimal, so that 0.1 s is 100000 us, and
a value finer than the base unit is an error instead of being rounded.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

UNITS: Final = {
    "_ms": ("_us", 1_000),
    "_s": ("_us", 1_000_000),
    "_percent": ("_ppm", 10_000),
    "_mbps": ("_bps", 1_000_000),
}
_MIN_EXPONENT: Final = -40  # finer than any unit here; keeps 1e-999999999 from becoming a huge fraction


def canonical_key(key: str) -> tuple[str, int]:
    """The canonical name of a key and how many base units one of its units has."""
    for suffix, (base, scale) in UNITS.items():
        if key.endswith(suffix):
            return key.removesuffix(suffix) + base, scale
    return key, 1


def lowered(value: int | Decimal, scale: int) -> int:
    """The value in base units; it has passed `Quantity`, so the conversion is exact."""
    return int(Fraction(value) * scale)


def decimal_text(value: Fraction) -> str:
    """A fraction of a base unit as people write it: 100000 us as s is `0.1`."""
    if value.denominator == 1:
        return str(value.numerator)
    return format((Decimal(value.numerator) / Decimal(value.denominator)).normalize(), "f")


def shown(value: object) -> str:
    """A value of a file as it is quoted in a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        text = str(value)
    elif isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, dict):
        return "a table"
    elif isinstance(value, (list, tuple)):
        return "a list"
    else:
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Annotation of a number: its range, in the unit that the name of its field ends with."""

    low: int | Decimal
    high: int

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        key, scale = canonical_key(handler.field_name or "")
        base_unit = key.rpartition("_")[2] if scale != 1 else ""

        def read(value: object) -> int | Decimal:
            return self.read(value, scale, base_unit)

        kind = "integer" if scale == 1 else "number"
        return core_schema.no_info_plain_validator_function(read, metadata={"kind": kind})

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        kind = schema.get("metadata", {}).get("kind", "number")
        return {
            "type": kind,
            "minimum": self.low if isinstance(self.low, int) else float(self.low),
            "maximum": self.high,
        }

    def read(self, value: object, scale: int, base_unit: str) -> int | Decimal:
        number = _decimal(value)
        if number is None:
            raise PydanticCustomError(
                "quantity_type", "must be a number, not {shown}", {"shown": shown(value)}
            )
        if not number.is_finite() or not self.low <= number <= self.high:
            raise PydanticCustomError(
                "quantity_range",
                "must be {low} to {high}, not {shown}",
                {"low": str(self.low), "high": self.high, "shown": shown(value)},
            )
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < _MIN_EXPONENT:
            whole = False
        else:
            whole = (Fraction(number) * scale).denominator == 1
        if not whole:
            wanted = f"a whole number of {base_unit}" if base_unit else "a whole number"
            raise PydanticCustomError(
                "quantity_whole",
                "must be {wanted}, not {shown}",
                {"wanted": wanted, "shown": shown(value)},
            )
        return int(number) if scale == 1 else number


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    return None
