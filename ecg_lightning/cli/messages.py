"""Messages in one line: errors with the flag of their setting, and those of jsonargparse."""

import difflib
import re
from collections.abc import Sequence

from ecg_lightning import models
from ecg_lightning.cli.flags import Flag, all_flags
from ecg_lightning.errors import InputError
from ecg_lightning.text import escaped
from ecg_lightning.training.loss_names import LOSSES
from ecg_lightning.training.metrics_file import HISTORY_KEYS

OURS = {"network": models.NETWORKS, "loss": LOSSES}  # setting -> classes of this package
# A verb and a flag that others have -> its own flag for the same.
INSTEAD = {(verb, "--output"): "--trainer.default_root_dir" for verb in ("test", "validate")}
_MODULE = re.compile(
    r"(?:Expected a path but|import path string:|given class_path) '?([\w./]+)(?!.*is not accepted)"
)


def error_line(error: InputError, verb: str) -> str:
    """Return the line of an error, with the flag that changes its setting.

    Args:
        error: The error.
        verb: The verb that ran.

    Example:
        >>> error = InputError("fs_hz", expected="more", found="0", hint="fix it", setting="fs_hz")
        >>> error_line(error, "fit")
        'fs_hz: expected more, found 0; fix it (--data.fs_hz)'
    """
    flag = flag_of(error.setting, verb)
    return error.line(f" ({flag})" if flag else "")


def flag_of(setting: str, verb: str) -> str:
    """Return the flag of a verb that sets an argument of the package.

    Args:
        setting: The argument's name in Python, such as `root`, or a flag itself.
        verb: A verb; crossval takes the arguments of fit as well.

    Returns:
        Such as `--data.root`; empty where the verb has no such flag.
    """
    if setting.startswith("--"):
        return setting
    names = [flag.name for flag in _verb_flags(verb) if setting and flag.setting == setting]
    return next((name for name in names if name.startswith("-")), "")


def _verb_flags(verb: str) -> list[Flag]:
    """The flags of a verb; crossval takes those of fit as well."""
    flags = all_flags()
    return [*flags.get(verb, ()), *(flags["fit"] if verb == "crossval" else ())]


def advice_on(words: Sequence[str], command: str) -> str:
    """Return where to look, and the flag that is most like the first unknown one.

    Args:
        words: Arguments, some of which may be misspelt flags.
        command: The command whose `--help` lists its flags.

    Example:
        >>> advice_on(["--data.rot", "mitdb"], "ecg-lightning fit")
        'did you mean --data.root instead of --data.rot? See `ecg-lightning fit --help`'
    """
    verb = command.split()[-1]
    names = [flag.name for flag in _verb_flags(verb) if flag.name.startswith("--")]
    for word in (word.partition("=")[0] for word in words):
        if word.startswith("--") and word not in {*names, "--", "--help"}:
            alike = difflib.get_close_matches(word, names, n=1, cutoff=0.75)
            if name := INSTEAD.get((verb, word), "".join(alike)):
                return f"did you mean {name} instead of {word}? See `{command} --help`"
            break
    return f"see `{command} --help`"


def in_one_line(message: str, command: str) -> str:
    r"""Return a message of jsonargparse as one line: what was expected, found and where to look.

    Args:
        message: The message; an unknown form keeps its words.
        command: The command whose `--help` lists the arguments.

    Example:
        >>> message = 'Parser key "data.fold":\n  Expected a <class \'int\'>. Got value: many'
        >>> in_one_line(message, "ecg-lightning fit")
        'data.fold: expected int, found many; see `ecg-lightning fit --help`'
    """
    text = " ".join(message.split()).rstrip(".")
    advice = advice_on(text.partition("unrecognized arguments: ")[2].split(), command)
    if "arguments are required" in text and "model.network" in text:
        return (
            "model.network: expected a network, found none; give --config deep_conv1d.yaml or "
            "--model.network DeepConv1d"
        )
    parts = re.split(r'Parser key "([\w.]+)"(?: element \d+)?: ?', text)
    if len(parts) < 3:
        return f"{text}; {advice}"
    key, problem = parts[-2:]
    name, ours = _MODULE.search(problem), OURS.get(key.removeprefix("model."))
    if ours and name:
        expected = f"one of {', '.join(ours)}, or the import path of a torch module"
        return f"{key}: expected {expected}, found {name[1]}; correct the name"
    return _wrong_value(key, problem, advice)


def _wrong_value(key: str, problem: str, advice: str) -> str:
    if key == "lr_scheduler" and "monitor=None" in problem:
        choices = ", ".join(HISTORY_KEYS)
        return f"{key}.monitor: expected one of {choices}, found none; give --{key}.monitor"
    if unknown := re.search(r"NestedArg\(key='([\w.]+)'", problem):
        return f"{key}: expected an argument of its class, found {unknown[1]}; {advice}"
    value = re.search(r"(?:Got|Given) value: (.*?)(?: - Expected a|$)", problem)
    types = re.findall(
        r"<class '([\w.]+)'>|Literal\[([^]]*)\]", problem.partition("Given value type")[0]
    )
    if not (value and types):
        return f"{key}: {problem}; {advice}"
    names = dict.fromkeys(
        name.replace("NoneType", "null") or choices.replace("'", "") for name, choices in types
    )
    if "Given value type: <class 'list'>" in problem and "str" in names:
        advice = "write one text, with commas between several names"
    return f"{key}: expected {' or '.join(names)}, found {escaped(value[1])}; {advice}"
