"""Freed memory is used again. The page faults of a child process show it."""

import os
import subprocess
import sys

import pytest

from ecg_lightning.system import memory

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs Linux's count of page faults"
)
CHILD = """
import ctypes, resource, sys
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: huge pages would hide page faults
from ecg_lightning.system.memory import keep_freed_memory
print(int(keep_freed_memory() if "keep" in sys.argv else False))
import torch
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
blocks = [torch.ones(4_000_000 * (1 + i % 3)) for i in range(6)]  # as a step's
del blocks
before = faults()
for _ in range(30):
    blocks = [torch.ones(4_000_000 * (1 + i % 3)) for i in range(6)]
    del blocks
print(faults() - before)
"""


def child(*args: str, **environment: str) -> tuple[int, int]:
    clean = {name: value for name, value in os.environ.items() if name not in memory.USERS_OWN}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *args],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    told, faults = done.stdout.split()
    return int(told), int(faults)


def test_kept_memory_causes_no_page_faults() -> None:
    (told, kept), (untold, returned) = child("keep"), child()
    assert (told, untold) == (1, 0)
    assert kept < returned / 2  # 7 to 21 % were measured: blocks that fit no gap


def test_a_setting_of_the_user_is_kept() -> None:
    assert child("keep", MALLOC_TRIM_THRESHOLD_="131072")[0] == 0
