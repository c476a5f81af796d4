"""Pictures that a verb writes."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, get_args

from matplotlib.figure import Figure

from ecg_lightning.errors import InputError
from ecg_lightning.figures.style import FigureFormat, figure_bytes
from ecg_lightning.system.atomic_files import write_output
from ecg_lightning.system.paths import check_output_file
from ecg_lightning.text import printed_path

ENDINGS = ", ".join(f".{ending}" for ending in get_args(FigureFormat))


class Picture(NamedTuple):
    """A picture.

    Attributes:
        figure: What is drawn.
        name: The file's name without ending, where the user names none.
        description: What is drawn, in one line.
    """

    figure: Figure
    name: str
    description: str


def write_picture(picture: Picture, output: Path | None) -> None:
    """Write a picture, and print what it shows and where it is.

    Args:
        picture: The picture.
        output: The file, checked by `picture_format`. Default: the picture's name as PNG.
    """
    path = output or Path(f"{picture.name}.png")
    content = figure_bytes(picture.figure, picture_format(output))
    write_output(path, content, setting="output", place="file")
    print(picture.description)
    print(printed_path(path))


def picture_format(output: Path | None, inputs: Iterable[Path] = ()) -> FigureFormat:
    """Return the format that the name of a file asks for.

    Args:
        output: The file to write; None for a PNG file.
        inputs: Files that the command reads.

    Raises:
        InputError: It has another ending, is no regular file, or is one of the inputs.
    """
    if output is None:
        return "png"
    check_output_file(output, inputs)
    ending: Any = output.suffix.lower().removeprefix(".")
    if ending not in get_args(FigureFormat):
        raise InputError(
            f"output {output}",
            expected=f"a name that ends in one of {ENDINGS}",
            found=output.suffix or "none",
            hint="choose another name",
            setting="output",
        )
    return ending


def in_file_name(name: str) -> str:
    """Return a name as part of a file name."""
    return re.sub(r"[^\w.]+", "-", name)


def seconds_text(seconds: float) -> str:
    """Return a time to the millisecond, such as `2.1`."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
