"""The keys of one link, from what people write to the fields of LinkSetup that they change."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from rollback_core.errors import UsageError
from scenarios import network
from scenarios.problems import ScenarioError
from scenarios.quantities import canonical_key, lowered
from scenarios.scenario import LinkSetup
from scenarios.schema import LinkTable, Table

_LOSS_KEYS: Final = {
    "bernoulli": ("loss_percent",),
    "gilbert-elliott": (
        "ge_good_to_bad_percent",
        "ge_bad_to_good_percent",
        "ge_loss_good_percent",
        "ge_loss_bad_percent",
    ),
    "four-state": ("four_state_percent",),
    "trace": ("loss_trace",),
}

Fault = tuple[str, str]
"""The key of the file that is at fault ("" for the table), and what is wrong."""


def plain(table: Table, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """The given keys of a table under their canonical names, in base units."""
    result: dict[str, Any] = {}
    for key, value in table.given().items():
        if key in leave_out:
            continue
        name, scale = canonical_key(key)
        if scale == 1:
            result[name] = value
        elif isinstance(value, list):
            result[name] = tuple(lowered(item, scale) for item in value)
        else:
            result[name] = lowered(value, scale)
    return result


def link_changes(table: LinkTable, base: LinkSetup) -> tuple[dict[str, Any], list[Fault]]:
    """The fields of `base` that the link keys of `table` set, and what is wrong with them.

    A key that belongs to one law chooses the law, unless the table names one: `loss_percent = 5` is enough.
    A rate takes the place of a rate trace, and the other way round.
    """
    keys = [key for key in LinkTable.model_fields if key in table.model_fields_set]
    values = plain(table, leave_out=set(type(table).model_fields) - set(keys))
    faults = _choose_loss(keys, values, base) + _choose_rate(keys, values)
    if "jitter_us" in values and base.jitter == "none":
        values.setdefault("jitter", "uniform")
    if "reorder_ppm" in values and values.setdefault("order", "reorder") != "reorder":
        faults.append(("reorder_percent", f'has no effect with order = "{values["order"]}"'))
    if not faults:
        faults = _link_faults(keys, values, base)
    return ({}, faults) if faults else (values, [])


def _choose_loss(keys: list[str], values: dict[str, Any], base: LinkSetup) -> list[Fault]:
    laws = {law: key for law, own in _LOSS_KEYS.items() for key in own if key in keys}
    if "loss" in values:
        law = values["loss"]
        idle = [(key, f'has no effect with loss = "{law}"') for other, key in laws.items() if other != law]
        has_data = {"four-state": base.four_state_ppm, "trace": base.loss_trace}.get(law, True)
        return idle if has_data or law in laws else [*idle, ("loss", f"needs {_LOSS_KEYS[law][0]}")]
    if len(laws) > 1:
        return [("", f"{' and '.join(laws.values())} belong to different laws; name one with `loss`")]
    if laws:
        values["loss"] = next(iter(laws))
    return []


def _choose_rate(keys: list[str], values: dict[str, Any]) -> list[Fault]:
    if "rate_mbps" in keys and "rate_trace" in keys:
        return [("rate_trace", "is given together with rate_mbps; a path has one rate")]
    if "rate_mbps" in keys:
        values["rate_trace"] = ""
    if "rate_trace" in keys:
        values["rate_bps"] = 0
    return []


def _link_faults(keys: list[str], values: dict[str, Any], base: LinkSetup) -> list[Fault]:
    try:
        link = replace(base, **values)
    except UsageError as error:
        field, _, message = str(error).partition(": ")
        own = next((key for key in keys if field in (key, canonical_key(key)[0])), "")
        return [(own, message if own else str(error))]
    faults = []
    for key, field in (("jitter", "jitter"), ("rate_trace", "rate_trace")):
        try:
            if key in keys:
                network.check_resources(replace(LinkSetup(), **{field: getattr(link, field)}))
        except ScenarioError as error:
            faults.append((key, "; ".join(error.problems)))
    return faults
