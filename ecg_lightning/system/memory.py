"""Keeps freed memory for the next step, instead of handing it back to the system and getting it anew.

glibc gives every large block of its own to the system when it is freed, and the system fills each page with zeros when it is touched
again. A training step frees and asks for the same sizes over and over: without this, Conv2d's takes half as long again.
"""

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
MOST, OLD_MOST = (
    2**31 - 1,
    1 << 25,
)  # older releases refuse a larger threshold for blocks of their own
USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Tells glibc to keep what is freed, up to 2 GiB at the heap's end and whatever lies below living blocks.

    Returns:
        Whether it was told: not where the C library is another one, nor where the user has set one of `USERS_OWN`.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in USERS_OWN):
        return False
    libc = ctypes.CDLL(None)
    told = libc.mallopt(M_MMAP_THRESHOLD, MOST) or libc.mallopt(M_MMAP_THRESHOLD, OLD_MOST)
    return bool(libc.mallopt(M_TRIM_THRESHOLD, MOST) and told)
