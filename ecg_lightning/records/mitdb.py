"""The MIT-BIH Arrhythmia Database 1.0.0.

Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. IEEE Eng in Med and Biol
20(3):45-50, 2001. Goldberger AL et al. PhysioBank, PhysioToolkit, and PhysioNet. Circulation
101(23):e215-e220, 2000.
"""

from ecg_lightning.records.published import Published

_ORDER = """
    100 104 108 113 117 122 201 207 212 217 222 231
    101 105 109 114 118 123 202 208 213 219 223 232
    102 106 111 115 119 124 203 209 214 220 228 233
    103 107 112 116 121 200 205 210 215 221 230 234
"""
MITDB_RECORDS: tuple[str, ...] = tuple(_ORDER.split())  # in the original project's order
# Record to patient. PhysioNet's MIT-BIH directory: 47 patients; 201 and 202 are of one.
MITDB_PATIENTS: dict[str, str] = {name: name for name in MITDB_RECORDS} | {"202": "201"}
MITDB: Published = Published(
    source="mitdb",
    name="MIT-BIH Arrhythmia Database",
    version="1.0.0",
    url="https://physionet.org/files/mitdb/1.0.0/",
    records=MITDB_RECORDS,
    patients=MITDB_PATIENTS,
    signal_bytes=1_950_000,  # 650,000 samples of two leads, 12 bits each
)
