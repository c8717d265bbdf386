"""Every law that runs are held to, by its id: its name, and what it says."""

import netsim.watch  # noqa: F401 (whoever watches by them knows them all)
from netsim.oracle import Oracle
from netsim.shared_data import DATA_EQUAL, DATA_TRUE


def laws() -> dict[str, dict[str, str]]:
    """In the order of their ids."""
    watched = [law for law in Oracle.__subclasses__() if law.__module__.startswith("netsim.")]
    known = [*((law.id, law.name, law.law()) for law in watched), DATA_EQUAL, DATA_TRUE]
    known.sort(key=lambda each: law_order(each[0]))
    return {law: {"name": name, "says": says} for law, name, says in known}


def law_order(law: str) -> tuple[str, int, str]:
    """A key to sort by: O2 before O10, laws before errors, which have a name for an id."""
    digits = law[1:].partition("-")[0]
    return (law[:1] if digits.isdigit() else "~", int(digits) if digits.isdigit() else 0, law)
