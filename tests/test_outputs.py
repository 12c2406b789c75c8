"""Texts and tables: the plain text knows nothing measured, the numbers are marked as such."""

import re
from configparser import ConfigParser
from pathlib import Path

from sslcourse.teach import number_table
from sslcourse.teach.outputs import Text


def test_a_sentence_in_two_forms():
    text = Text("1 < 2.", "<b>Yes.</b>")
    assert repr(text) == "1 < 2."
    assert text._repr_html_() == "<p>1 &lt; 2. <b>Yes.</b></p>"
    assert Text("plain", "<i>alone</i>", alone=True)._repr_html_() == "<p><i>alone</i></p>"


def test_a_table_differs_in_its_measured_numbers_only():
    config = ConfigParser()
    config.read(Path(__file__).parent / "measured.cfg")
    rule = config["measured"]
    tables = [
        number_table({"<a>": {"x": share, "y": 1.0}}, "Two shares.", form=".0%")
        for share in (0.25, 0.75)
    ]
    assert repr(tables[0]) == repr(tables[1]) == "Two shares."
    pages = [table._repr_html_() for table in tables]
    assert ">25%<" in pages[0] and "&lt;a&gt;" in pages[0] and "<th>x</th>" in pages[0]
    cleaned = [re.sub(rule["regex"], rule["replace"], page) for page in pages]
    assert pages[0] != pages[1] and cleaned[0] == cleaned[1] and "100%" not in cleaned[0]


def test_a_row_may_lack_a_column():
    page = number_table({"a": {"x": 1.0}, "b": {"x": 2.0, "y": 3.0}}, "Two rows.")._repr_html_()
    cells = [re.findall(r">([^<]+)</td>", row) for row in page.split("</tr>")[1:3]]
    assert cells == [["1.00", "–"], ["2.00", "3.00"]]


def test_columns_stand_as_in_the_fullest_row_beside_what_all_rows_share():
    rows = {"pixels": {"probe": 1.0, "k-NN": 2.0}, "mae": {"probe": 3.0, "tuned": 4.0, "k-NN": 5.0}}
    page = number_table(rows, "Two rows.", corner="on <scenes>")._repr_html_()
    head, first, *_ = page.split("</tr>")
    assert re.findall(r"<th>([^<]*)</th>", head) == ["on &lt;scenes&gt;", "probe", "tuned", "k-NN"]
    assert re.findall(r">([^<]+)</td>", first) == ["1.00", "–", "2.00"]
