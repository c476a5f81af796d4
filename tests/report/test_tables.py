"""The table of records: its order, its bars and its limit."""

from ecg_lightning.report.tables import records_table
from tests.helpers.html_reader import Reader, rendered


def test_records_are_in_the_order_of_their_errors() -> None:
    matrices = {"few": [[5, 1], [0, 4]], "many": [[5, 0], [9, 4]], "none": [[3, 0], [0, 0]]}
    rows = [{"record": name, "confusion_matrix": matrix} for name, matrix in matrices.items()]
    reader = Reader(rendered("tables.j2", "records", records_table(rows, ["N", "S"])))
    assert "many 18 9 S 9 50.0 S→N 9 few 10 1 N 1 90.0 N→S 1 none 3 0 100.0" in reader.text
    bars = [attributes["width"] for tag, attributes in reader.tags if tag == "rect"]
    assert bars == ["100.00%", "11.11%"]


def test_records_beyond_the_limit_are_counted() -> None:
    rows = [{"record": str(k), "confusion_matrix": [[1, 1], [0, 0]]} for k in range(103)]
    reader = Reader(rendered("tables.j2", "records", records_table(rows, ["N", "S"])))
    assert sum(tag == "tr" for tag, _ in reader.tags) == 101
    assert "3 further records with 3 wrong beats: see per_record.csv." in reader.text
