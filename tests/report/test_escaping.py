"""Texts from files stay texts: the templates escape them, and the page's policy runs nothing."""

import base64
import hashlib
import re

import pytest
from jinja2 import DictLoader, UndefinedError

from ecg_lightning.evaluation.evaluation import describe_evaluation
from ecg_lightning.report.page import render_page
from ecg_lightning.report.rendering import environment
from tests.helpers.evaluations import HOSTILE, content_of, hostile_evaluation, hostile_strip
from tests.helpers.html_reader import Reader
from tests.helpers.paths import ROOT

TEMPLATES = sorted((ROOT / "ecg_lightning/report/templates").iterdir())
UNESCAPED = re.compile(r"\bsafe\b|Markup|autoescape|__html__|xmlattr|urlize|tojson|forceescape")
NEVER_A_NAME = {"img", "script", "link", "iframe", "object", "a", "form", "base"}


@pytest.mark.parametrize("runs", [1, 2])
def test_hostile_names_make_no_element_and_no_attribute(runs: int) -> None:
    hostile = {"run": HOSTILE, **describe_evaluation(hostile_evaluation(), hostile_strip, 0)}
    text = render_page([hostile] * runs)
    reader = Reader(text)
    assert reader.wrong == []
    assert not {tag for tag, _ in reader.tags} & NEVER_A_NAME
    attributes = {name for _, of_tag in reader.tags for name in of_tag}
    assert not {name for name in attributes if name.startswith("on")} | (
        attributes & {"style", "src", "href"}
    )
    assert HOSTILE in "".join(reader.texts)
    assert any(
        HOSTILE in (value or "") for _, of_tag in reader.tags for value in of_tag.values()
    )  # in an attribute, whole
    assert text.count("<style>") == text.count("</style>") == 1


def test_the_test_above_detects_an_unescaped_name() -> None:
    reader = Reader(render_page([content_of()]).replace("<footer>", f"<footer>{HOSTILE}"))
    assert {tag for tag, _ in reader.tags} & {"img", "script"}


def test_only_the_style_sheet_is_not_escaped() -> None:
    places = [
        (path.name, line.strip())
        for path in TEMPLATES
        for line in path.read_text(encoding="utf-8").splitlines()
        if UNESCAPED.search(line)
    ]
    assert places == [("page.j2", "<style>{{ style | safe }}</style>")]
    code = (ROOT / "ecg_lightning/report").glob("*.py")
    uses = [
        (path.name, line.strip())
        for path in sorted(code)
        for line in path.read_text(encoding="utf-8").splitlines()
        if UNESCAPED.search(line)
    ]
    assert uses == [("rendering.py", "autoescape=True,")]


@pytest.mark.parametrize(
    "line", ["{{ name | safe }}", "{{ name|safe }}", "{% autoescape false %}", "{{ x | tojson }}"]
)
def test_the_test_above_detects_an_unescaped_value(line: str) -> None:
    assert UNESCAPED.search(line)


def test_every_attribute_is_in_quotes() -> None:
    """An escaped value without quotes could still begin another attribute."""
    for path in TEMPLATES:
        assert not re.search(r"=\s*\{[{%]", path.read_text(encoding="utf-8")), path.name


def test_values_are_escaped_and_macros_are_not_escaped_twice() -> None:
    source = '{% macro b(x) %}<b title="{{ x }}">{{ x }}</b>{% endmacro %}{{ b(name) }}'
    made = environment().overlay(loader=DictLoader({"t": source})).get_template("t")
    escaped = "&lt;i&gt;&#34;&#39;&amp;"
    assert made.render(name="<i>\"'&") == f'<b title="{escaped}">{escaped}</b>'
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        made.render()


def test_the_policy_allows_the_style_sheet_alone() -> None:
    text = render_page([content_of()])
    style = re.search("<style>(.*)</style>", text, re.DOTALL)
    assert style
    sha256 = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(
        attributes["content"]
        for tag, attributes in Reader(text).tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert (
        policy
        == f"default-src 'none'; style-src 'sha256-{sha256}'; base-uri 'none'; form-action 'none'"
    )
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_nothing_is_fetched() -> None:
    text = render_page([content_of()])
    assert not re.search(r"https?:|//|url\(|@import", text.replace("<!doctype html>", ""))
