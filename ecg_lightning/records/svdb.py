"""The MIT-BIH Supraventricular Arrhythmia Database 1.0.0 (SVDB).

Greenwald SD. Improved detection and classification of arrhythmias in noise-corrupted
electrocardiograms using contextual information. Ph.D. thesis, Harvard-MIT Division of Health
Sciences and Technology, 1990. Goldberger AL et al. PhysioBank, PhysioToolkit, and PhysioNet.
Circulation 101(23):e215-e220, 2000.
"""

from ecg_lightning.records.published import Published

_NUMBERS = (*range(800, 813), *range(820, 830), *range(840, 895))
SVDB_RECORDS: tuple[str, ...] = tuple(map(str, _NUMBERS))
SVDB: Published = Published(
    source="svdb",
    name="MIT-BIH Supraventricular Arrhythmia Database",
    version="1.0.0",
    url="https://physionet.org/files/svdb/1.0.0/",
    records=SVDB_RECORDS,
    patients={name: name for name in SVDB_RECORDS},
    signal_bytes=691_200,  # 230,400 samples of two leads, 12 bits each
    assumption="svdb: one record taken for one patient; the database does not say",
)
