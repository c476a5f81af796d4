"""Says in one line what the parser of the command line says in several."""

import re

from ecg_lightning import models

_NETWORK = re.compile(
    r"(?:Expected a path but|import path string:|given class_path) '?([\w./]+)(?!.*is not accepted)"
)


def in_one_line(message: str, command: str) -> str:
    r"""What was expected, what was found and where to look.

    Args:
        message: jsonargparse's, in whatever form; one that is not known here keeps its words.
        command: The command whose `--help` lists the arguments.

    Example:
        >>> in_one_line('Parser key "data.per_class":\n  Expected a <class \'int\'>. Got value: many', "ecg-lightning fit")
        'data.per_class: expected int, found many; see `ecg-lightning fit --help`'
    """
    text, advice = " ".join(message.split()).rstrip("."), f"see `{command} --help`"
    if "arguments are required" in text and "model.network" in text:
        return f"model.network: expected a network, found none; give --config deep_conv1d.yaml or --model.network {models.NETWORKS[1]}"
    parts = re.split(r'Parser key "([\w.]+)"(?: element \d+)?: ?', text)
    if len(parts) < 3:
        return f"{text}; {advice}"
    key, problem = parts[-2:]
    name = _NETWORK.search(problem)
    if key == "model.network" and name:
        expected = f"one of {', '.join(models.NETWORKS)}, or the import path of a torch module"
        return f"{key}: expected {expected}, found {name[1]}; correct the name"
    found = re.search(r"(?:Got|Given) value: (.*)", problem)
    kinds = re.findall(
        r"<class '([\w.]+)'>|Literal\[([^]]*)\]", problem.partition("Given value type")[0]
    )
    if not (found and kinds):
        return f"{key}: {problem}; {advice}"
    names = dict.fromkeys(
        kind.replace("NoneType", "null") or choices.replace("'", "") for kind, choices in kinds
    )
    return f"{key}: expected {' or '.join(names)}, found {found[1]}; {advice}"
