"""Memory that a step frees is kept for the next step.

glibc returns every large block to the operating system when it is freed, and the system fills each
page with zeros when it is used again. A training step frees and requests the same sizes again and
again. Without this module, a step of Conv2d takes half as long again.
"""

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
MOST = 2**31 - 1
OLD_MOST = 1 << 25  # older releases of glibc refuse a larger M_MMAP_THRESHOLD
USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory.

    It keeps up to 2 GiB at the end of the heap, and everything below blocks that are in use.

    Returns:
        Whether glibc was told. It is not if the C library is another one, or if the user has set
        one of the environment variables `USERS_OWN`.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in USERS_OWN):
        return False
    libc = ctypes.CDLL(None)
    told = libc.mallopt(M_MMAP_THRESHOLD, MOST) or libc.mallopt(M_MMAP_THRESHOLD, OLD_MOST)
    return bool(libc.mallopt(M_TRIM_THRESHOLD, MOST) and told)
