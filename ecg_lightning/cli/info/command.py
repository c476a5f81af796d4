"""`ecg-lightning info`: what recordings hold, how much is no signal, and what a checkpoint is."""

import json
import os
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from ecg_lightning.cli.info.recording_facts import Facts, Unread, as_json, problem_line, read_facts
from ecg_lightning.cli.info.text import block, lines
from ecg_lightning.cli.recording_arguments import add_recording_arguments, options_of
from ecg_lightning.cli.unforeseen import SURROUNDINGS, as_input_error
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.errors import InputError
from ecg_lightning.records.recordings_folder import find_recordings
from ecg_lightning.signals.lead_quality import Progress
from ecg_lightning.system.paths import expanded
from ecg_lightning.system.terminal import progress_bar, width_of_output
from ecg_lightning.text import escaped

_BLOCK_WIDTH = 80  # where standard output is no terminal


def info_command(args: Sequence[str]) -> None:
    """`ecg-lightning info PATH [PATH ...] [--json]`.

    Raises:
        InputError: A recording cannot be read. What is known of the others has been printed.
    """
    parsed = _parsed(args)
    checkpoints = [path for path in parsed.paths if _is_checkpoint(path)]
    recordings = [path for path in parsed.paths if path not in checkpoints]
    results = _results(list(_recordings(recordings)), options_of(parsed))
    width = width_of_output()
    if parsed.json:
        objects = [*_of_checkpoints(checkpoints), *map(as_json, results)]
        print(json.dumps(objects, indent=1, allow_nan=False))
    else:
        texts = ["\n".join(text) for text in _blocks(checkpoints, results, width)]
        print("\n\n".join(texts), end="\n" * bool(texts))
    if len(results) == 1 and isinstance(results[0], Unread):
        raise results[0].cause
    if text := problem_line(results):
        raise InputError(text)


def _is_checkpoint(path: str) -> bool:
    """Whether a path is that of a checkpoint, by its ending."""
    return path.endswith(".ckpt") and os.path.isfile(path)


def _of_checkpoints(paths: Sequence[str]) -> list[dict[str, Any]]:
    """What each checkpoint says about itself; recordings need no torch, which this imports."""
    if not paths:
        return []
    from ecg_lightning.cli.info.checkpoint_facts import checkpoint_json

    return [checkpoint_json(path) for path in paths]


def _blocks(
    checkpoints: Sequence[str], results: Sequence[Facts | Unread], width: int | None
) -> Iterator[list[str]]:
    """The lines about each checkpoint, and about the recordings."""
    facts = _of_checkpoints(checkpoints)
    if facts:
        from ecg_lightning.cli.info.checkpoint_facts import checkpoint_block

        yield from (checkpoint_block(one, width or _BLOCK_WIDTH) for one in facts)
    if len(results) > 1:
        yield lines(results, width)
    elif results and isinstance(results[0], Facts):
        yield block(results[0], width or _BLOCK_WIDTH)


def info_parser() -> VerbParser:
    """Return the parser."""
    parser = VerbParser("info")
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a recording: a file or the name of a WFDB record; a folder of recordings; or a "
        "checkpoint (.ckpt)",
    )
    add_recording_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser


def _parsed(args: Sequence[str]) -> Namespace:
    """The arguments. Paths may come before and after options, or all after `--`."""
    parser = info_parser()
    return parser.parse_args(args) if "--" in args else parser.parse_intermixed_args(args)


def _recordings(paths: Sequence[str]) -> Iterator[str | Unread]:
    """The recordings that paths name, those of a folder one by one."""
    for path in paths:
        folder = expanded(path)
        if not os.path.isdir(folder) or os.path.isfile(f"{folder}.hea"):
            yield path
            continue
        try:
            yield from map(str, find_recordings(folder))
        except InputError as error:
            yield Unread(path, error)


def _results(named: Sequence[str | Unread], options: dict[str, Any]) -> list[Facts | Unread]:
    results: list[Facts | Unread] = []
    with progress_bar() as show:
        for i, path in enumerate(named):
            if isinstance(path, Unread):
                results.append(path)
                continue

            def progress(share: float, path: str = path, done: int = i) -> None:
                show(escaped(path, 40), (done + share) / len(named))

            results.append(_result(path, options, progress))
    return results


def _result(path: str, options: dict[str, Any], progress: Progress) -> Facts | Unread:
    try:
        return read_facts(path, options, progress)
    except InputError as error:
        return Unread(path, error)
    except SURROUNDINGS as error:
        return Unread(path, as_input_error(error))
