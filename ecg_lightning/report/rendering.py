"""The jinja2 environment of the report's templates."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ecg_lightning.classes import CLASS_MEANINGS
from ecg_lightning.report.charts import FRAME
from ecg_lightning.report.tables import CLASS_COLUMNS


def render(template: str, **values: Any) -> str:
    """Return a template's text; every value is escaped.

    Args:
        template: The name of a file in `templates/`.
        **values: What the template calls by name.
    """
    return environment().get_template(template).render(values)


@cache
def environment() -> Environment:
    """Return the environment: it escapes every value and refuses a name without a value."""
    made = Environment(
        loader=PackageLoader("ecg_lightning.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(meanings=CLASS_MEANINGS, frame=FRAME, class_columns=CLASS_COLUMNS)
    return made
