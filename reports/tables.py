"""What stands on a page as a table for other programs: CSV, and Parquet with its types."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], folder: Path, name: str) -> None:
    """Write NAME.csv and NAME.parquet into the folder."""
    import pandas

    table = pandas.DataFrame(list(rows), columns=list(columns))
    table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    table.to_parquet(folder / f"{name}.parquet", index=False)
