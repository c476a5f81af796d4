"""Which leads of a recording are used: the lead to classify, and a further ECG lead."""

from ecg_lightning.records.leads import ECG, VOLTAGE, choose_lead, name_note, unit_note
from ecg_lightning.records.recording import Recording, leads_alike

# Chest leads first: they see what the limb leads, one of which is classified, do not.
_FURTHER = f"V1,V5,V2,V4,V3,V6,{ECG},{VOLTAGE}"


def detection_leads(recording: Recording) -> tuple[int, ...]:
    """Return the lead that is classified, and one further ECG lead of its time and rate.

    A lead in another unit than a voltage counts only if its name says ECG. There is no further lead
    if no other looks like an ECG.
    """
    used = recording.used
    alike = next(g for g in leads_alike(recording.leads, range(len(recording.leads))) if used in g)
    others = [i for i in alike if i != used and _may_be_ecg(recording, i)]
    names = [recording.leads[i].name for i in others]
    units = [recording.leads[i].unit for i in others]
    further = choose_lead(names, units, _FURTHER)
    return (used,) if further is None else (used, others[further])


def _may_be_ecg(recording: Recording, index: int) -> bool:
    """Whether neither name nor unit of a lead speaks of another signal."""
    lead = recording.leads[index]
    if unit_note(lead.name, lead.unit):
        return choose_lead([lead.name], [lead.unit], ECG) is not None
    return not name_note(lead.name)
