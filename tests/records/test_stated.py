"""What a user states about a recording, compared with what the file says."""

import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.records.stated import check_unit


@pytest.mark.parametrize(
    ("of_file", "stated"),
    [("mV", None), ("", "uV"), ("uV", "\u00b5v"), ("uV", " uV "), ("mmHg", "mmhg")],
)
def test_a_stated_unit_that_the_file_does_not_deny(of_file: str, stated: str | None) -> None:
    check_unit("r.edf", of_file, stated)


@pytest.mark.parametrize(
    ("of_file", "stated"), [("mV", "uV"), ("mmHg", "mV"), ("mV", "mmHg"), ("mmHg", "bpm")]
)
def test_another_unit_than_that_of_the_file_is_refused(of_file: str, stated: str) -> None:
    with pytest.raises(InputError) as caught:
        check_unit("r.edf", of_file, stated)
    expected = f"r.edf: expected the file's own unit, {of_file}, found {stated} stated"
    assert str(caught.value).startswith(f"{expected}; do not state it")
    assert caught.value.setting == "unit"
