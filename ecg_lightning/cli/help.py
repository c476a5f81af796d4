"""Help texts: the list of verbs, and the short help of each verb."""

import shutil
import textwrap
from collections.abc import Sequence

from ecg_lightning.cli.flags import Flag, all_flags
from ecg_lightning.cli.verbs import VERBS
from ecg_lightning.errors import PROGRAM

WIDEST = 100  # columns
NO_BREAK = "\N{NO-BREAK SPACE}"
SHORT_NOTE = 36  # a default of this many letters is not split between lines
COLUMN = 32  # where the description of an argument begins
DEVICES = ("accelerator", "devices", "precision", "default_root_dir")
EVALUATED = ("--config", "--ckpt_path", "--batch_norm.batches")
# Verb of Lightning -> what its short help shows: settings, and arguments of the Trainer.
# All arguments of the data and the model are shown as well.
SHOWN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "fit": (
        ("--config", "--output", "--ckpt_path", "--seed_everything"),
        (
            *("max_epochs", *DEVICES[:3], "num_nodes", "strategy", "gradient_clip_val"),
            *("deterministic", "fast_dev_run", "default_root_dir"),
        ),
    ),
    "validate": (EVALUATED, (*DEVICES, "limit_val_batches")),
    "test": (EVALUATED, (*DEVICES, "limit_test_batches")),
    "predict": ((*EVALUATED, "--output"), (*DEVICES, "limit_predict_batches")),
}
STOPPING = ("--early_stopping.patience", "--checkpoint.monitor", "--batch_norm.batches")


def main_help() -> str:
    """Return the help of the program: all verbs, each with one correct line."""
    lines = [
        f"usage: {PROGRAM} VERB [arguments]",
        "",
        "Find the heartbeats of an ECG recording and classify them.",
        "",
        "verbs:",
    ]
    for name, verb in VERBS.items():
        lines += _row(name, verb.about, column=16)
        lines.append(f"{'':16}{PROGRAM} {verb.example}")
    return "\n".join(
        [
            *lines,
            "",
            *_row("-h, --help", "show this text", column=16),
            *_row("--version", "show the version", column=16),
            "",
            f"{PROGRAM} VERB --help       the arguments of a verb that people use",
            f"{PROGRAM} VERB --help-all   all arguments of a verb",
        ]
    )


def verb_help(verb: str) -> str:
    """Return the short help of a verb.

    Args:
        verb: One of `VERBS`.
    """
    flags = {flag.name: flag for flag in all_flags()[verb]}
    positional = [flag.value for flag in flags.values() if not flag.name.startswith("-")]
    lines = [f"usage: {' '.join([PROGRAM, verb, *positional, '[arguments]'])}", ""]
    lines += textwrap.wrap(VERBS[verb].about, _width())
    lines += [f"Example: {PROGRAM} {VERBS[verb].example}"]
    for heading, names in _sections(verb, list(flags)).items():
        lines += ["", f"{heading}:"]
        lines += [line for name in names for line in _flag_rows(flags[name])]
    if verb in SHOWN:
        lines += ["", f"All arguments, also those of Lightning: {PROGRAM} {verb} --help-all"]
    if verb == "crossval":
        lines += ["", f"All other arguments are those of fit: {PROGRAM} fit --help"]
    return "\n".join(lines)


def _sections(verb: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Heading -> names of the arguments below it; a heading without arguments is dropped."""
    data = [name for name in names if name.startswith("--data.")]
    if verb in SHOWN:
        settings, trainer = SHOWN[verb]
        sections = {
            "settings and output": list(settings),
            "data (BeatDataModule)": data,
            "model (BeatClassifier)": [name for name in names if name.startswith("--model.")],
            "training and devices (Lightning's Trainer)": [
                *(f"--trainer.{name}" for name in trainer),
                *(STOPPING if verb == "fit" else ()),
            ],
        }
    else:
        others = [name for name in names if name not in data]
        sections = {"arguments": others, "data (BeatDataModule)": data}
    return {heading: below for heading, below in sections.items() if below}


def _flag_rows(flag: Flag) -> list[str]:
    name, about = flag.name if flag.name.startswith("-") else "", flag.about
    choices, value = f"{{{','.join(flag.choices)}}}", flag.value
    if flag.choices and len(f"  {name} {choices}  ") <= COLUMN:
        value = choices
    elif flag.choices:
        value = "NAME"
        if any(choice not in about for choice in flag.choices):
            about = f"{', '.join(flag.choices)}: {about}"
    note = "required" if flag.required else flag.default and f"default: {flag.default}"
    together = f"({note})" if note else ""
    if len(together) <= SHORT_NOTE:
        together = together.replace(" ", NO_BREAK)
    left = " ".join(part for part in (name, value, "..." * flag.several) if part)
    return _row(left, f"{about} {together}".strip())


def _row(left: str, right: str, column: int = COLUMN) -> list[str]:
    """A term and its description in two columns; a long term has its own line."""
    wrapped = textwrap.wrap(right, _width() - column, break_on_hyphens=False) or [""]
    wrapped = [line.replace(NO_BREAK, " ") for line in wrapped]
    first, *rest = wrapped if len(left) + 4 <= column else ["", *wrapped]
    return [f"  {left:{column - 2}}{first}".rstrip(), *(f"{'':{column}}{line}" for line in rest)]


def _width() -> int:
    return max(60, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
