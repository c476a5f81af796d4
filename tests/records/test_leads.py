"""The choice of a lead: preference lists, spelling, numbers that are names, and units."""

from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.records.leads import (
    ANY_ECG,
    WantedLead,
    choose_lead,
    lead_note,
    millivolts_in,
    name_note,
    unit_note,
)
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.records.wfdb.header import read_header
from ecg_lightning.records.wfdb.reader import read_record
from tests.helpers.records import ecg_like, write_record

TWO = ["MLII", "V5"]


@pytest.mark.parametrize(
    ("names", "wanted", "index"),
    [
        (TWO, 0, 0),
        (TWO, 1, 1),
        (TWO, "1", 1),
        (TWO, 2, None),
        (TWO, -1, None),
        (TWO, "V5", 1),
        (TWO, "v5", 1),
        (TWO, "V2", None),
        (TWO, "V2, v5", 1),
        (TWO, "V5,MLII", 1),
        (["V5", "V2"], "MLII,II,0", 0),
        (TWO, ["V2", "V5"], 1),
        (TWO, ("V2", 0), 0),
        (["sig 0, fmt 8", "V5"], ["sig 0, fmt 8", "V5"], 0),
        (TWO, [], None),
        (["i", "ii"], "II", 1),
        (["mlii", "MLII"], "MLII", 1),
        (["mlii", "MLII"], "Mlii", 0),
        (["V5", "V5"], "V5", 0),
        (["V1", "ECG II"], "II", 1),
        (["V1", "EKG II"], "ii", 1),
        (["V1", "Lead II"], "II", 1),
        (["V1", "ECG-II"], "II", 1),
        (["ECG II", "II"], "II", 1),
        (["ECG II", "V1"], "Lead II", 0),
        (["V1", "II+"], "II", None),
        (["ECG I", "ECG 1"], "2", None),  # a number is an index, or a whole name
        (["V1", "ECG1"], "V9,ecg", 1),
        (["V1", "ECG1", "ECG"], "ECG", 2),
        (["1", "2"], 2, 1),
        (["1", "2"], 1, 1),
        (["I,II", "II"], "I,II", 0),
        (["", "II"], "", None),
        ([], 0, None),
    ],
)
def test_names_numbers_and_lists(names: list[str], wanted: WantedLead, index: int | None) -> None:
    assert choose_lead(names, ["mV"] * len(names), wanted) == index


@pytest.mark.parametrize(
    ("leads", "index"),
    [
        ({"ABP": "mmHg", "MLII": "mV"}, 1),
        ({"V1": "mV", "II": "mV", "MLII": "mV"}, 2),
        ({"V1": "mV", "ii": "mV"}, 1),
        ({"ABP": "mmHg", "V1": "uV"}, 1),
        ({"ABP": "mmHg", "": "mV"}, 1),
        ({"ABP": "mmHg", "Resp": "Ohm"}, 0),  # its unit becomes a warning
        ({"EEG Fpz-Cz": "uV", "EOG": "uV", "ECG": "uV", "EMG": "uV"}, 2),  # sleep studies in EDF
        ({"EEG C4-A1": "uV", "ECG1": "uV", "ECG2": "uV"}, 1),
        ({"EEG": "uV", "EKG-I": "uV"}, 1),
        ({"EEG": "uV", "ECG LL-RA": "uV"}, 1),
        ({"EEG": "uV", "Lead ECG": "mV"}, 1),
        ({"EEG": "uV", "chest_ecg": "mV"}, 1),
        ({"ECG I": "uV", "ECG II": "uV", "ECG V1": "uV"}, 1),
        ({"EEG": "uV", "Lead II": "mV"}, 1),
        ({"DI": "mV", "DII": "mV", "V1": "mV"}, 1),  # Portuguese, Spanish, Italian, Turkish
        ({"d1": "mV", "d2": "mV", "V1": "mV"}, 1),
        ({"ECG D1": "mV", "ECG D2": "mV"}, 1),
        ({"D2": "mV", "ECG II": "mV"}, 1),
        ({"DII": "mV", "II": "mV"}, 1),
        ({"D1": "mV", "D2": "mV", "ECG": "mV"}, 2),  # digital inputs
        ({"ADC0": "mV", "D1": "", "D2": ""}, 0),
        ({"D2": "bpm", "V5": "mV"}, 1),
        ({"D1": "", "D2": "", "V1": ""}, 1),
        ({"FECG": "uV", "ECoG": "uV"}, 0),  # an ECG is named at the start of a word
        ({"ECG HR": "bpm", "V5": "mV"}, 1),
        ({"ABP": "mmHg", "x": ""}, 1),  # a lead of an unknown unit may be an ECG
        ({"ABP": "mmHg", "x": "", "V5": "mV"}, 2),
        ({"ABP": "mmHg", "ECG": ""}, 1),
        ({"x": "", "y": ""}, 0),
    ],
)
def test_the_default_of_a_folder(leads: dict[str, str], index: int) -> None:
    assert choose_lead(list(leads), list(leads.values()), ANY_ECG) == index


# The leads of databases of ECG whose records were read before lists had the word `ecg`.
_PUBLISHED = {
    "mitdb": "MLII V5",
    "mitdb 102": "V5 V2",
    "svdb": "ECG1 ECG2",
    "incartdb": "I II III AVR AVL AVF V1 V2 V3 V4 V5 V6",
    "ptbdb": "i ii iii avr avl avf v1 v2 v3 v4 v5 v6 vx vy vz",
    "mimic3wdb": "II V AVR",
    "edb": "V4 MLIII",
    "qtdb": "ECG1 ECG2",
    "sddb": "ECG ECG",
    "mghdb": "ECG_lead_I ECG_lead_II ECG_lead_V",
    "cebsdb": "I II RESP SCG",
    "ecgiddb": "ECG_I ECG_I_filtered",
}


@pytest.mark.parametrize("leads", _PUBLISHED.values(), ids=_PUBLISHED)
def test_the_leads_of_databases_of_ecg_are_those_of_earlier_versions(leads: str) -> None:
    names = [name.replace("_", " ") for name in leads.split()]
    units = ["mV"] * len(names)
    assert choose_lead(names, units, ANY_ECG) == choose_lead(names, units, "MLII,II,voltage,0")


@pytest.mark.parametrize(
    ("unit", "millivolts"),
    [
        ("V", 1e3),
        ("volts", 1e3),
        ("Millivolt", 1.0),
        ("mVolt", 1.0),
        (" uV ", 1e-3),
        ("\u00b5volts", 1e-3),
        ("microvolts", 1e-3),
        ("(uV)", 1e-3),
        ("mV\r", 1.0),
        ("mV\u00a0", 1.0),
        ("Mikrovolt", 1e-3),
        ("nanovolt", 1e-6),
        ("kV", None),
        ("milli", None),
        ("10 uV", None),
    ],
)
def test_voltages_and_how_they_are_spelled(unit: str, millivolts: float | None) -> None:
    assert millivolts_in(unit) == millivolts


@pytest.mark.parametrize(
    ("unit", "note"),
    [
        ("mV", ""),
        ("mmHg", "the lead x is in mmHg, no voltage"),
        ("", "the lead x has no unit, so it may be no voltage"),
    ],
)
def test_a_unit_that_is_no_voltage_has_a_note(unit: str, note: str) -> None:
    assert unit_note("x", unit) == note


_OTHER_SIGNALS = [
    *("EEG Fpz-Cz", "eog", "EMG-2", "Resp", "RESP_1", "C4-A1", "O2-M1", "Fpz-Cz", "F3:A2", "E1-M2"),
    *("T5", "Cz", "LOC", "Chin", "Chin 1-2", "Nasal Flow", "THOR RES", "SpO2", "SaO2"),
]
# C4 is a chest lead too; the last ones are leads of databases of ECG.
_MAYBE_ECG = [
    *("MLII", "V1", "ECG", "ECG RESP", "ECG C4-A1", "ARTEMIS", "", "channel 1", "C4", "aVF", "V4R"),
    *("A-I", "E-S", "CM5", "CC5", "D3", "ML2", "mod.V1", "MCL1", "Abdomen_1", "Thorax_1", "X"),
]


@pytest.mark.parametrize("name", _OTHER_SIGNALS)
def test_a_lead_with_the_name_of_another_signal_has_a_note(name: str) -> None:
    assert name_note(name) == f"the lead {name} has the name of another signal than an ECG"


@pytest.mark.parametrize("name", _MAYBE_ECG)
def test_a_lead_that_may_be_an_ecg_has_none(name: str) -> None:
    assert name_note(name) == ""


@pytest.mark.parametrize(
    ("names", "index", "wanted", "note"),
    [
        (["1", "2"], 1, 1, "lead 1 is taken for an index, so the lead named 2 is read"),
        (["1", "2"], 1, "9,1", "lead 1 is taken for an index, so the lead named 2 is read"),
        (["1", "2"], 1, 2, ""),
        (["0", "1"], 1, 1, ""),
        (TWO, 1, 1, ""),
    ],
)
def test_a_number_that_is_also_a_name_is_an_index_and_says_so(
    names: list[str], index: int, wanted: int | str, note: str
) -> None:
    assert choose_lead(names, ["mV"] * len(names), wanted) == index
    assert lead_note(names, index, wanted) == note


@pytest.mark.parametrize(
    ("unit", "millivolts"), [("mV", 1.0), ("MV", 1.0), ("µV", 1e-3), ("V", 1e3), ("NU", None)]
)
def test_units_that_are_voltages(unit: str, millivolts: float | None) -> None:
    assert millivolts_in(unit) == millivolts


def test_the_record_is_read_at_the_chosen_lead(tmp_path: Path) -> None:
    record = ecg_like()
    write_record(tmp_path, record, [("1", np.zeros(len(record.signal))), ("ii", -record.signal)])
    chosen = read_record(tmp_path, "r", "V9,II,0")
    assert chosen.lead == "ii"
    np.testing.assert_allclose(chosen.signal, -record.signal, atol=5e-4)
    assert chosen.notes == ()
    assert read_record(tmp_path, "r", 1).notes == ()  # the lead named 1 is at the index 1
    header = tmp_path / "r.hea"
    header.write_text(header.read_text().replace(" ii\n", " 0\n"))
    text = "lead 0 is taken for an index, so the lead named MLII is read"
    assert read_record(tmp_path, "r", 0).notes == (RecordNote("r", "signal", text),)


@pytest.mark.parametrize("database", ["mitdb", "svdb"])
def test_the_leads_of_real_records_are_those_of_earlier_versions(
    database: str, request: pytest.FixtureRequest
) -> None:
    for path in request.getfixturevalue(database).glob("*.hea"):
        lines = read_header(path).signals
        names, units = [line.name for line in lines], [line.unit for line in lines]
        assert choose_lead(names, units, ANY_ECG) == choose_lead(names, units, "MLII,II,voltage,0")
