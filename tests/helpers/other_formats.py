"""Small files of formats without a free writer; the fuzzer reads them too."""

import sys

from tests.helpers.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from other_files import (
    STEPS as STEPS,
)
from other_files import (
    aecg as aecg,
)
from other_files import (
    compressed as compressed,
)
from other_files import (
    kardia as kardia,
)
from other_files import (
    lzw as lzw,
)
from other_files import (
    mfer as mfer,
)
from other_files import (
    mortara as mortara,
)
from other_files import (
    muse as muse,
)
from other_files import (
    philips as philips,
)
from other_files import (
    scp as scp,
)
