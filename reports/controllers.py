"""Controllers of time sync side by side, over all of a campaign and in each combination of the other axes."""

from typing import TYPE_CHECKING, Any

from reports.read_campaign import CONTROLLER_MEASURES, MOST_ROWS, CampaignFolder, Measure

if TYPE_CHECKING:
    import pandas

Table = dict[str, Any]


def is_of_controllers(axis: str) -> bool:
    return axis.rpartition(".")[2] == "time_sync"


def compared(campaign: CampaignFolder, axis: str) -> Table:
    """The controllers on this axis: all their cells together, then figure by figure what differs."""
    controllers = campaign.values(axis)
    by_controller = {each: campaign.cells[campaign.cells[axis] == each] for each in controllers}
    others = [other for other in campaign.axes if other != axis]
    return {
        "name": campaign.names[axis],
        "controllers": controllers,
        "others": [campaign.names[other] for other in others],
        "rows": [
            {"controller": name, "cells": [measure.mean_told(cells) for measure in CONTROLLER_MEASURES]}
            for name, cells in by_controller.items()
        ],
        "figures": [_figure(campaign.cells, axis, others, controllers, each) for each in CONTROLLER_MEASURES],
    }


def _figure(
    cells: "pandas.DataFrame", axis: str, others: list[str], controllers: list[str], measure: Measure
) -> Table:
    """A row for each combination of the other axes, a column for each controller; no row if all are equal."""
    title = f"{measure.title[0].upper()}{measure.title[1:]} ({measure.unit})"
    if not others or cells[measure.column].nunique() < 2:
        return {"title": title, "rows": [], "left_out": 0}
    groups = list(cells.groupby(others, sort=False))
    rows = [
        {"labels": key, "cells": [measure.mean_told(group[group[axis] == each]) for each in controllers]}
        for key, group in groups[:MOST_ROWS]
    ]
    return {"title": title, "rows": rows, "left_out": len(groups) - len(rows)}
