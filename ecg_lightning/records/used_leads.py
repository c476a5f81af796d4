"""Which leads of a recording are used: the lead to classify, and a further ECG lead."""

from ecg_lightning.records.leads import (
    ECG,
    VOLTAGE,
    choose_lead,
    may_be_ecg,
    name_note,
    unit_note,
)
from ecg_lightning.records.recording import Recording, leads_alike
from ecg_lightning.text import escaped

# Chest leads first: they see what the limb leads, one of which is classified, do not.
_FURTHER = f"V1,V5,V2,V4,V3,V6,{ECG},{VOLTAGE}"


def detection_leads(recording: Recording) -> tuple[int, ...]:
    """Return the lead that is classified, and one further ECG lead of its time and rate.

    A further lead has the name of an ECG lead, or none. One in another unit than a voltage counts
    only if its name says ECG.
    """
    used, others = recording.used, [i for i in _others(recording) if _may_be_ecg(recording, i)]
    names = [recording.leads[i].name for i in others]
    units = [recording.leads[i].unit for i in others]
    further = choose_lead(names, units, _FURTHER)
    return (used,) if further is None else (used, others[further])


def unused_note(recording: Recording) -> str:
    """Return a note about leads that could be a second ECG lead, but for name or unit; else ""."""
    if len(detection_leads(recording)) > 1:
        return ""
    names = [lead.name for lead in recording.leads]
    others = [i for i in _others(recording) if not name_note(names[i])]
    shown = [i for i in others if not unit_note(names[i], recording.leads[i].unit)]
    why = "the name is not that of an ECG lead, such as V1 or ECG2"
    if not shown:
        without_unit = [i for i in others if not recording.leads[i].unit.strip()]
        shown = [i for i in without_unit if may_be_ecg(names, i)]
        why = "its unit is unknown, so state it, such as --unit mV (in Python unit='mV')"
    listed = ", ".join([escaped(names[i], 40) for i in shown[:3]] + ["…"] * (len(shown) > 3))
    return f"not used as a second lead: {listed}; {why}" if shown else ""


def _others(recording: Recording) -> list[int]:
    """The leads with the time and the rate of the used one, without it."""
    groups = leads_alike(recording.leads, range(len(recording.leads)))
    alike = next(group for group in groups if recording.used in group)
    return [i for i in alike if i != recording.used]


def _may_be_ecg(recording: Recording, index: int) -> bool:
    """Whether name and unit of a lead are those of an ECG lead."""
    lead = recording.leads[index]
    if unit_note(lead.name, lead.unit):
        return choose_lead([lead.name], [lead.unit], ECG) is not None
    return may_be_ecg([lead.name for lead in recording.leads], index)
