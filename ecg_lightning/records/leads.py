"""Which lead of a recording is read: by its name, its index or its unit."""

from collections.abc import Sequence

# Millivolts in a unit. header(5) spells microvolts in ASCII; others write a micro sign or a Greek
# mu, or capitals.
_MILLIVOLTS = {"nv": 1e-6, "uv": 1e-3, "\u00b5v": 1e-3, "\u03bcv": 1e-3, "mv": 1.0, "v": 1e3}
VOLTAGE = "voltage"  # in a list of leads: the first lead whose unit is a voltage
ANY_ECG = f"MLII,II,{VOLTAGE},0"  # the default for a folder of WFDB records


def millivolts_in(unit: str) -> float | None:
    """Return how many millivolts a unit is; None for a unit that is no voltage.

    Example:
        >>> millivolts_in("uV"), millivolts_in("mmHg")
        (0.001, None)
    """
    return _MILLIVOLTS.get(unit.strip().lower())


def choose_lead(names: Sequence[str], units: Sequence[str], wanted: int | str) -> int | None:
    """Return the index of the lead to read.

    A number is an index. If there is no such index, it is a name. A name with the same letters is
    preferred to one that differs in upper and lower case, and of equal names the first counts. The
    word `voltage` is the first lead whose unit is a voltage.

    Args:
        names: The name of each lead; "" where it has none.
        units: The unit of each lead.
        wanted: An index, a name, or several of them separated by commas, the best first.

    Returns:
        The index; None where the record has none of these leads.

    Example:
        >>> choose_lead(["ABP", "ii"], ["mmHg", "mV"], "MLII,II,0")
        1
    """
    leads = (_index(names, units, item) for item in wanted_leads(names, wanted))
    return next((index for index in leads if index is not None), None)


def wanted_leads(names: Sequence[str], wanted: int | str) -> list[str]:
    """Return the single leads of a list; the name of a lead may itself contain a comma."""
    if wanted in names:
        return [str(wanted)]
    return [item.strip() for item in str(wanted).split(",") if item.strip()]


def lead_note(names: Sequence[str], index: int, wanted: int | str) -> str:
    """Return a warning where a number means one lead and is the name of another; else ""."""
    number = str(index)
    if names[index] == number or not {number} <= {*names} & {*wanted_leads((), wanted)}:
        return ""
    return f"lead {number} is taken for an index, so the lead named {names[index]} is read"


def _index(names: Sequence[str], units: Sequence[str], item: str) -> int | None:
    if item.isascii() and item.isdecimal() and len(item) < 10 and int(item) < len(names):
        return int(item)
    for spelled in (str, str.casefold):
        for index, name in enumerate(names):
            if name and spelled(name) == spelled(item):
                return index
    if item.casefold() != VOLTAGE:
        return None
    voltages = (i for i, unit in enumerate(units) if millivolts_in(unit) is not None)
    return next(voltages, None)
