"""What a user states about a recording, compared with what its file says."""

from ecg_lightning.errors import InputError
from ecg_lightning.records.leads import millivolts_in
from ecg_lightning.text import escaped

RATES_HZ = (1e-3, 1e6)  # numerics such as a heart rate once a minute, and more than any recorder
RATES = f"{RATES_HZ[0]:g} to {RATES_HZ[1]:,.0f} Hz"


def is_rate(fs_hz: float) -> bool:
    """Return whether a number may be a sampling rate."""
    return RATES_HZ[0] <= fs_hz <= RATES_HZ[1]


def checked_rate(name: str, of_file: float | None, stated: float | None) -> float:
    """Return the sampling rate of a recording; refuse none, and two that differ.

    Args:
        name: Of the recording, for the message.
        of_file: The rate that the file says; None where it says none.
        stated: The rate that the user states; None where there is none.

    Raises:
        InputError: Nobody says the rate, or the user and the file say different ones.
    """
    if of_file is None and stated is None:
        raise InputError(
            name, expected="a sampling rate", found="none", hint="state it", setting="fs_hz"
        )
    if of_file is not None and stated is not None and abs(stated - of_file) > 1e-6 * of_file:
        raise InputError(
            name,
            expected=f"the file's own sampling rate, {of_file:g} Hz",
            found=f"{stated:g} Hz stated",
            hint="do not state it",
            setting="fs_hz",
        )
    rate = stated if of_file is None else of_file
    assert rate is not None
    return rate


def check_unit(name: str, of_file: str, stated: str | None) -> None:
    """Refuse a stated unit of a lead that has another one in the file.

    Args:
        name: Of the recording, for the message.
        of_file: The unit of the lead that would be used; "" where the file says none.
        stated: The unit that the user states; None where there is none. Two spellings of one
            voltage are equal.

    Raises:
        InputError: They are two units.
    """
    if not of_file or stated is None or of_file.casefold() == stated.strip().casefold():
        return
    millivolts = millivolts_in(stated)
    if millivolts is None or millivolts != millivolts_in(of_file):
        raise InputError(
            name,
            expected=f"the file's own unit, {escaped(of_file, 40)}",
            found=f"{escaped(stated, 40)} stated",
            hint="do not state it",
            setting="unit",
        )
