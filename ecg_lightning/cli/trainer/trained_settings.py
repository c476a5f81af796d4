"""The settings that a command takes from its checkpoint, and from the run of the checkpoint.

A checkpoint says how its beats were prepared. The config.yaml of its run says where the beats came
from. Both are data: a network comes from `models.NETWORKS` by its name, and no other class is
looked up.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import yaml

from ecg_lightning import models
from ecg_lightning.annotation.classifying.known_beats import (
    INPUT,
    JUDGED,
    Known,
    checked,
    differences,
    known_beats,
)
from ecg_lightning.cli.named_settings import Named
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import DESCRIPTION
from ecg_lightning.nested import value_at
from ecg_lightning.report.differences import difference_rows
from ecg_lightning.system.input_files import read_input
from ecg_lightning.text import names_in
from ecg_lightning.training.loss_names import LOSSES
from ecg_lightning.training.run import CHECKPOINTS, CONFIG
from ecg_lightning.training.run_settings import MOST_BYTES, PATHS, paths_in, working_folder

DATA = signature(BeatDataModule).parameters.keys() - {"on_error"}  # that is the command's own
ADAM = ("learning_rate", "betas", "epsilon")
SPLIT = ("split", "train", "test", "fold", "folds")  # a command that names one names the split
PLACE = ("source", "root")  # one that names one names other data than the run's
OF_SPLIT = (*SPLIT, "split_seed", "val_share", "without")
NAME_THE_DATA = "name the data (--data.source, --data.root)"


@dataclass(frozen=True)
class TrainedSettings:
    """What is known of the training of a checkpoint.

    Attributes:
        checkpoint: The file.
        config: The settings that the checkpoint keeps, see `run_config`.
        network: The name of the network's class.
        beats: How the beats were prepared, see `known_beats`.
        causal: Whether the network is one that sees no later beats.
    """

    checkpoint: Path
    config: Any
    network: Any
    beats: Known
    causal: bool = False

    @classmethod
    def of(cls, checkpoint: Path, content: Mapping[str, Any]) -> "TrainedSettings":
        """Read the description of a checkpoint.

        Raises:
            InputError: It holds settings that this program does not write.
        """
        config = value_at(content, DESCRIPTION, "config")
        beats = checked(known_beats(config), str(checkpoint))
        network, causal = (value_at(content, DESCRIPTION, name) for name in ("network", "causal"))
        return cls(checkpoint, config, network, beats, causal is True)

    def words(self, verb: str, named: Named, data: Mapping[str, Any]) -> list[str]:
        """Return arguments for the settings that a command does not name.

        Args:
            verb: The command.
            named: The settings that it names.
            data: The data module's arguments as the command gives them.

        Raises:
            InputError: The command names no data, and neither does the run of the checkpoint; or
                the network, or the loss that a fit would keep, is a class of the user.
        """
        settings = self._data(verb, named, data)
        unnamed = {name: value for name, value in settings.items() if not named.has(f"data.{name}")}
        network = [] if named.has("model.network") else self._network()
        return [
            *([f"--data={json.dumps(unnamed)}"] if unnamed else []),
            *network,
            *(self._training(named) if verb == "fit" else []),
        ]

    def _data(self, verb: str, named: Named, data: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of the data that the run and the checkpoint know."""
        source = _source(data) if named.has("data.source") else ""
        run = self._run_data(required=not source and verb != "fit")
        if not source and run:
            source = _source(run) or _source(data)
        own = run if _source(run) == source else {}
        if verb == "predict" and _names(named, PLACE) and not _names(named, SPLIT):
            own = {name: value for name, value in own.items() if name not in OF_SPLIT}
            own |= {"split": "all"}
        places = self._with_places(_with_one_split(own, named, data), named)
        return {**places, **self._beats(source or _source(data))}

    def _beats(self, source: str) -> dict[str, Any]:
        """The settings of the beats; Kaggle's are cut already, so only the view is a setting.

        The index of a lead belongs to its source: index 0 of mitdb is MLII, of others a pressure.
        """
        here, there = source == "kaggle", self.beats.get("source") == "kaggle"
        names = ("view",) if here else INPUT if there else (*INPUT, *JUDGED)
        values = {name: self.beats[name] for name in names if name in self.beats}
        if isinstance(values.get("lead"), int) and self.beats.get("source") != source:
            del values["lead"]
        return values

    def _run_data(self, required: bool) -> dict[str, Any]:
        """The data module's settings in the config.yaml of the checkpoint's run; {} without one."""
        text, found = self._run_text()
        data = value_at(_yaml(text), "data")
        if isinstance(data, Mapping) and _are_settings(data):
            return {name: value for name, value in data.items() if name in DATA}
        if required:
            place = f" in {folder / CONFIG}" if (folder := self._run_folder()) else ""
            raise InputError(
                f"data for {self.checkpoint.name}",
                expected=f"their source, or the settings of the checkpoint's run{place}",
                found=found,
                hint=NAME_THE_DATA,
            )
        return {}

    def _run_folder(self) -> Path | None:
        folder = self.checkpoint.absolute().parent
        return folder.parent if folder.name == CHECKPOINTS else None

    def _run_text(self) -> tuple[str, str]:
        """The config.yaml of the checkpoint's run, and what is wrong where it is of no use."""
        folder = self._run_folder()
        if folder is None or not (folder / CONFIG).is_file():
            return "", "none"
        try:
            return read_input(folder / CONFIG, MOST_BYTES).decode(), "other content"
        except (InputError, ValueError) as error:
            return "", f"a file that cannot be read ({type(error).__name__})"

    def _with_places(self, data: dict[str, Any], named: Named) -> dict[str, Any]:
        """The settings of a run with paths that are right here; its data have to be there."""
        result, start = dict(data), working_folder(self._run_text()[0])
        if not Path(result.get("cache_dir") or "").is_absolute():
            result.pop("cache_dir", None)  # default: the cache of this user
        if named.has("data.root"):
            result.pop("patients", None)  # they are of the records of another folder
        for name, paths in paths_in(result).items():
            if not any(paths) or named.has(f"data.{name}"):
                result.pop(name, None)
            else:
                places = [path and self._place(path, start) for path in paths]
                result[name] = places if len(places) > 1 else places[0]
        return result

    def _place(self, path: str, start: Path | None) -> str:
        """A path of the run as it is right here.

        Args:
            path: As the run's settings have it.
            start: The folder that a relative path is relative to; None where it is unknown.
        """
        here = path
        if not Path(path).is_absolute() and start != Path.cwd():
            here = str(start / path) if start else ""
        if here and Path(here).exists():
            return here
        raise InputError(
            f"ckpt_path {self.checkpoint}",
            expected=f"the data of its run in {here or path}",
            found="no such folder" if here else "a path relative to another folder",
            hint=NAME_THE_DATA,
        )

    def _network(self) -> list[str]:
        path = value_at(self.config, "model", "network")
        own = isinstance(path, str) and not path.startswith("ecg_lightning.models.")
        if self.network in models.NETWORKS and not own:
            name = f"ecg_lightning.models.{self.network}"
            if not self.causal:
                return [f"--model.network={name}"]
            causal = {"class_path": name, "init_args": {"causal": True}}
            return [f"--model.network={json.dumps(causal)}"]
        if self.network is None:
            return []
        folder = self._run_folder()
        config = f", or --config {folder / CONFIG}" if folder is not None else ""
        raise InputError(
            f"ckpt_path {self.checkpoint}",
            expected=f"a network of this package ({', '.join(models.NETWORKS)})",
            found=f"the network {self.network!r:.60}, a class of your own",
            hint=f"name it (--model.network{config})",
        )

    def _training(self, named: Named) -> list[str]:
        """What a new run that begins with the checkpoint keeps of its training."""
        return [*self._adam(named), *self._loss(named), *self._interval(named)]

    def _adam(self, named: Named) -> list[str]:
        """The settings of Adam, which a new run that begins with the checkpoint keeps."""
        model = value_at(self.config, "model")
        known = {name: value_at(model, name) for name in ADAM if not named.has(f"model.{name}")}
        return [
            f"--model.{name}={json.dumps(value)}"
            for name, value in known.items()
            if value is not None and _is_plain(value)
        ]

    def _interval(self, named: Named) -> list[str]:
        """When the schedule changes the learning rate, as in the checkpoint's run."""
        interval = value_at(self.config, "lr_interval")
        known = interval in ("epoch", "step") and not named.has("lr_interval")
        return [f"--lr_interval={interval}"] if known else []

    def _loss(self, named: Named) -> list[str]:
        """The loss, which a new run that begins with the checkpoint keeps."""
        loss = value_at(self.config, "model", "loss")
        if loss is None or named.has("model.loss"):
            return []
        place, _, name = str(value_at(loss, "class_path")).rpartition(".")
        if name in LOSSES and place.startswith("ecg_lightning.training"):
            settings = {"class_path": name, "init_args": value_at(loss, "init_args") or {}}
            return [f"--model.loss={json.dumps(settings)}"]
        raise InputError(
            f"ckpt_path {self.checkpoint}",
            expected=f"a loss of this package ({', '.join(LOSSES)})",
            found=f"the loss {name!r:.60}, a class of your own",
            hint="name it, or the loss to change to (--model.loss)",
        )


def refuse_other_input(trained: Known, data: Mapping[str, Any], allowed: bool) -> str:
    """Compare what the network would see with what it was trained on.

    Args:
        trained: How the beats of the training were prepared.
        data: The data module's arguments.
        allowed: Whether they may differ.

    Returns:
        What differs, in one line; empty where nothing does.

    Raises:
        InputError: They differ and may not.
    """
    module = BeatDataModule(**data)
    tested = known_beats({"beats": asdict(module.settings), "data": data})
    rows = differences(trained, tested)
    different = difference_rows(row for row in rows if row["setting"] in (*INPUT, "source"))
    if not different:
        return ""
    theirs = ", ".join(f"{row.name} {row.trained}" for row in different)
    ours = ", ".join(f"{row.name} {row.tested}" for row in different)
    if allowed:
        return f"the network sees {ours}, but was trained with {theirs}"
    raise InputError(
        "input of the network",
        expected=f"{theirs}, as in its training",
        found=ours,
        hint="remove this setting, or allow it (--allow-mismatch)",
    )


def with_words(args: Sequence[str], verb: str, words: Sequence[str]) -> list[str]:
    """Return a command line with more arguments behind its verb, before all others.

    Arguments that follow replace them.
    """
    place = next(
        i + 1
        for i, word in enumerate(args)
        if word == verb and (i == 0 or not args[i - 1].startswith("-"))
    )
    return [*args[:place], *words, *args[place:]]


def _names(named: Named, settings: Sequence[str]) -> bool:
    """Whether a command names one of these settings of the data."""
    return any(named.has(f"data.{name}") for name in settings)


def _source(data: Mapping[str, Any]) -> str:
    """The source; several are separated by commas."""
    return ",".join(names_in(data.get("source")))


def _with_one_split(
    run: Mapping[str, Any], named: Named, data: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings of a run without its split where the command names another one.

    Named parts are a split too.

    Args:
        run: The data module's settings in the run.
        named: The settings that the command names.
        data: Their values.
    """
    parts = {name for name in ("train", "test") if named.has(f"data.{name}")}
    dropped = set[str]()
    if named.has("data.split") and data["split"] != "parts":
        dropped = {"train", "test"}
    elif any(names_in(data.get(name)) for name in parts):
        dropped = {"split"}
    return {name: value for name, value in run.items() if name not in dropped}


def _yaml(text: str) -> Any:
    """The content of a YAML text; None where it is none."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _are_settings(data: Mapping[str, Any]) -> bool:
    places = [data.get(name) for name in (*PATHS, "cache_dir")]
    if isinstance(root := data.get("root"), list):
        places = [*root, *places[1:]]
    return all(map(_is_plain, data.values())) and all(
        place is None or isinstance(place, str) for place in places
    )


def _is_plain(value: Any) -> bool:
    """Whether a value is a number, a text, None or a short list of those."""
    if isinstance(value, list | tuple):
        return len(value) < 1000 and all(
            one is None or isinstance(one, str | int | float) for one in value
        )
    return value is None or isinstance(value, str | int | float)
