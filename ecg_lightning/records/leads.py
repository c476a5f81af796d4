"""Which lead of a recording is read: by its name, its index or its unit."""

import re
from collections.abc import Sequence

from ecg_lightning.errors import InputError
from ecg_lightning.text import escaped

WantedLead = int | str | Sequence[int | str]  # an index, a name, or a list of both, the best first

# Millivolts in a volt with a prefix. header(5) spells microvolts in ASCII; others write a micro
# sign, a Greek mu, capitals or whole words.
_VOLTAGE = re.compile(r"(.*?)(?:v|volts?)")
_MILLIVOLTS = {
    **dict.fromkeys(("n", "nano"), 1e-6),
    **dict.fromkeys(("u", "\u00b5", "\u03bc", "micro", "mikro"), 1e-3),
    **dict.fromkeys(("m", "milli"), 1.0),
    "": 1e3,
}
# Words in a list of leads: the first lead that is named an ECG, and the first in a voltage.
ECG, VOLTAGE = "ecg", "voltage"
ANY_ECG = f"MLII,II,{ECG},{VOLTAGE},0"  # the default for recordings and folders of WFDB records
_NAMED_ECG = re.compile(r"(?<![^\W\d_])(?:ECG|EKG)", re.IGNORECASE)  # such as ECG1, chest_ecg
# Other signals that files hold in a voltage: by a word of the name, or by the places of the
# electrodes of an EEG (the 10-20 system), such as C4-A1, O2-M1, Fpz-Cz, and E1-M2 of an eye. C1 to
# C6 alone are also chest leads.
_NAMED_OTHER = re.compile(
    r"(?<![^\W\d_])"
    r"(?:EEG|EMG|EOG|LOC|ROC|CHIN|LEG|PPG|PLETH|RESP|FLOW|AIRFLOW|NASAL|THOR|ABDO|"
    r"SNORE|SP?[AO]O?2|ABP|ART|CVP|PAP|ICP)"
    r"(?![^\W\d_])|"
    r"\b(?:FP|AF|FC|FT|CP|TP|PO|E|F|C|T|P|O)(?:\d{1,2}|Z)\s*[-:/]\s*"
    r"(?:(?:FP|AF|FC|FT|CP|TP|PO|F|C|T|P|O|A|M)(?:\d{1,2}|Z)|REF|LE|AVG?)\b|"
    r"\b(?:FP|AF|FC|FT|CP|TP|PO|F|T|P|O)(?:\d{1,2}|Z)\b|\bCZ\b",
    re.IGNORECASE,
)
# Names of ECG leads: those that are no more than a letter, alone; others, also within a name, such
# as `mod.V1`, `V1-V2` and `chest_v5`. And names that only count.
_ECG_LEAD_ALONE = re.compile(r"I|V|[EA]-?S|A-?I|[LR][AL]\s*[-:/]\s*[LR][AL]", re.IGNORECASE)
_ECG_LEAD = re.compile(
    r"(?<![^\W_])(?:M?L?III?|MLI|ML[1-6]|MV[1-9]|V\d{1,2}R?|V[XYZ]|aV[RLF]|MCL\d?R?|"
    r"C[MCSBRL]\d[LR]?|D(?:I{1,3}|[1-4]))(?![^\W_])",
    re.IGNORECASE,
)
_ONLY_COUNTS = re.compile(
    r"(?:ch|chan|channel|lead|sig|signal|derivation|track|column)?[\s_.#:-]*\d*", re.IGNORECASE
)
_AXES = ("x", "y", "z")
_CHEST = tuple(f"c{i}" for i in range(1, 7))  # of IEC 60601-2-25; C3 and C4 are also of an EEG
_NAME_OF_PLACE = re.compile(r"channel \d+")  # what readers call a lead without a name
# What EDF and other formats put before the name of a lead: `ECG II`, `EKG-V2`, `Lead II`. One word
# only: the records of MGH/MF, whose first lead is `ECG lead I`, keep it.
_DECORATION = re.compile(r"\A(?:ECG|EKG|Lead)[\s_:-]+(?=\S+$)", re.IGNORECASE)
# Limb leads as "derivation" I, II and III: so in Portuguese, Spanish, Italian and Turkish. D1 to D3
# are also digital inputs: they do not count beside a lead that says ECG where they do not, and not
# without a voltage where another lead is in one.
_LIMB_LEADS = {"di": "i", "dii": "ii", "diii": "iii"}
_NUMBERED_LIMB_LEADS = {"d1": "i", "d2": "ii", "d3": "iii"}


def has_name(lead: str) -> bool:
    """Return whether a lead has a name of its own, not the one that its place gives it.

    Example:
        >>> has_name("V1"), has_name("channel 0")
        (True, False)
    """
    return not _NAME_OF_PLACE.fullmatch(lead)


def millivolts_in(unit: str) -> float | None:
    """Return how many millivolts a unit is; None for a unit that is no voltage.

    Example:
        >>> [millivolts_in(unit) for unit in ("uV", "Millivolts", "[mV]", "mmHg")]
        [0.001, 1.0, 1.0, None]
    """
    voltage = _VOLTAGE.fullmatch(without_brackets(unit).lower())
    return None if voltage is None else _MILLIVOLTS.get(voltage[1])


def without_brackets(unit: str) -> str:
    """Return a unit without the brackets and blanks around it.

    Example:
        >>> without_brackets(" (mV)")
        'mV'
    """
    return unit.strip().strip("()[]{}").strip()


def is_misspelt_voltage(unit: str) -> bool:
    """Return whether a unit has a V, so that it seems to be a voltage, but is none that is known.

    Example:
        >>> [is_misspelt_voltage(unit) for unit in ("uV", "10 uV", "vu", "mmHg", "adu")]
        [False, True, True, False, False]
    """
    return "v" in unit.lower() and millivolts_in(unit) is None


def unit_and_gain(unit: str) -> tuple[str, float]:
    """Return the unit in which a lead is read, and what its values in `unit` are multiplied by.

    Every voltage is read in mV, everything else in its own unit.

    Example:
        >>> unit_and_gain("uV"), unit_and_gain("mmHg")
        (('mV', 0.001), ('mmHg', 1.0))
    """
    millivolts = millivolts_in(unit)
    return (unit, 1.0) if millivolts is None else ("mV", millivolts)


def choose_lead(names: Sequence[str], units: Sequence[str], wanted: WantedLead) -> int | None:
    """Return the index of the lead to read.

    A number is an index. If there is no such index, it is a name. A name with the same letters is
    preferred to one that differs in upper and lower case, and this one to a name after `ECG`,
    `EKG` or `Lead`, such as `ECG II` for `II`, and to `DII` or `D2` for `II`. Of equal names the
    first counts.

    Two words stand for the leads that no name fits. `ecg` is the first lead with ECG or EKG at the
    start of a word of its name, such as `ECG1` or `EKG-I`, whose unit is a voltage or unknown.
    `voltage` is the first lead in a voltage; if there is none, the first whose unit is unknown.

    Args:
        names: The name of each lead; "" where it has none.
        units: The unit of each lead.
        wanted: An index, a name, or several of them, the best first, in a list or separated by
            commas.

    Returns:
        The index; None where the record has none of these leads.

    Example:
        >>> choose_lead(["ABP", "ii"], ["mmHg", "mV"], "MLII,II,0")
        1
    """
    leads = (_index(names, units, item) for item in wanted_leads(names, wanted))
    return next((index for index in leads if index is not None), None)


def wanted_leads(names: Sequence[str], wanted: WantedLead) -> list[str]:
    """Return the single leads of a list; the name of a lead may itself contain a comma."""
    if isinstance(wanted, list | tuple):
        return [lead for item in wanted for lead in wanted_leads(names, item)]
    if wanted in names:
        return [str(wanted)]
    return [item.strip() for item in str(wanted).split(",") if item.strip()]


def lead_note(names: Sequence[str], index: int, wanted: WantedLead) -> str:
    """Return a warning where a number means one lead and is the name of another; else ""."""
    number = str(index)
    if names[index] == number or not {number} <= {*names} & {*wanted_leads((), wanted)}:
        return ""
    return f"lead {number} is taken for an index, so the lead named {names[index]} is read"


def name_note(name: str) -> str:
    """Return a warning about a lead with the name of another signal, such as EEG; else ""."""
    if _NAMED_ECG.search(name) or not _NAMED_OTHER.search(name):
        return ""
    return f"the lead {escaped(name, 40)} has the name of another signal than an ECG"


def may_be_ecg(names: Sequence[str], index: int) -> bool:
    """Return whether the name of a lead is that of an ECG lead, or is none.

    C1 to C6 are chest leads where all six are there and no lead has the name of another signal.
    X, Y and Z are leads of Frank where no other lead may be an ECG lead; beside one they are most
    often an accelerometer.

    Args:
        names: Those of all leads of a recording.
        index: The lead.

    Example:
        >>> [may_be_ecg(["ECG", "V5", "ch 2", "Pulse", "X"], i) for i in range(5)]
        [True, True, True, False, False]
    """
    name = _undecorated(names[index])
    if _NAMED_ECG.search(names[index]):
        return True
    if name_note(name):
        return False
    if name.casefold() in _CHEST:
        return {*_CHEST} <= {one.casefold() for one in names} and not any(map(name_note, names))
    if name.casefold() in _AXES:
        others = [one for one in names if _undecorated(one).casefold() not in _AXES]
        return not any(may_be_ecg(others, i) for i in range(len(others)))
    alone = _ONLY_COUNTS.fullmatch(name) or _ECG_LEAD_ALONE.fullmatch(name)
    return alone is not None or _ECG_LEAD.search(name) is not None


def _undecorated(name: str) -> str:
    """A name without what formats put before it."""
    return _DECORATION.sub("", name.strip(), count=1)


def unit_note(name: str, unit: str) -> str:
    """Return a warning about a lead whose unit is no voltage, or unknown; else ""."""
    if millivolts_in(unit) is not None:
        return ""
    shown = escaped(name, 40)
    if not unit:
        return f"the lead {shown} has no unit, so it may be no voltage"
    return f"the lead {shown} is in {escaped(unit, 40)}, no voltage"


def _index(names: Sequence[str], units: Sequence[str], item: str) -> int | None:
    if item.isascii() and item.isdecimal() and len(item) < 10 and int(item) < len(names):
        return int(item)
    spellings = (str, str.casefold) if item.isdecimal() else (str, str.casefold, _plain)
    for spelled in spellings:
        for index, name in enumerate(names):
            if name and spelled(name) == spelled(item):
                return index
    numbered = None if item.isdecimal() else _index_of_numbered(names, units, item)
    return _index_of_word(names, units, item.casefold()) if numbered is None else numbered


def _index_of_numbered(names: Sequence[str], units: Sequence[str], item: str) -> int | None:
    """The index of D2 for II, and of II for D2."""
    for index, name in enumerate(names):
        is_it = bool(name) and _limb_lead(name) == _limb_lead(item)
        if is_it and _may_be_limb_lead(names, units, index):
            return index
    return None


def _may_be_limb_lead(names: Sequence[str], units: Sequence[str], index: int) -> bool:
    says_ecg = [_NAMED_ECG.search(name) is not None for name in names]
    is_voltage = [millivolts_in(unit) is not None for unit in units]
    return all(says[index] or not any(says) for says in (says_ecg, is_voltage))


def _plain(name: str) -> str:
    plain = _DECORATION.sub("", name.strip(), count=1).casefold()
    return _LIMB_LEADS.get(plain, plain)


def _limb_lead(name: str) -> str:
    plain = _plain(name)
    return _NUMBERED_LIMB_LEADS.get(plain, plain)


def _index_of_word(names: Sequence[str], units: Sequence[str], word: str) -> int | None:
    """The index of the lead that `ecg` or `voltage` means."""
    voltages = [i for i, unit in enumerate(units) if millivolts_in(unit) is not None]
    unknown = [i for i, unit in enumerate(units) if not unit.strip()]
    if word == VOLTAGE:
        return next(iter([*voltages, *unknown]), None)
    if word != ECG:
        return None
    likely = sorted([*voltages, *unknown])
    return next((i for i in likely if _NAMED_ECG.search(names[i])), None)


def index_of_lead(
    subject: str, names: Sequence[str], units: Sequence[str], wanted: WantedLead | None
) -> int:
    """Return the index of the lead that a user wants, before the leads are known in full.

    Args:
        subject: What the message is about, such as the header.
        names: The name of each lead.
        units: The unit of each lead.
        wanted: As `choose_lead` takes it; None: the first that looks like an ECG.

    Raises:
        InputError: There is no such lead.
    """
    index = choose_lead(names, units, ANY_ECG if wanted is None else wanted)
    if index is None:
        raise InputError(
            subject,
            expected=f"a lead out of {escaped(', '.join(names))} or an index from 0 to "
            f"{len(names) - 1}",
            found=escaped(repr(wanted)),
            hint="choose one of these",
            setting="lead",
        )
    return index
