"""The network of a checkpoint that is a class of the user, who names it.

No class is looked up by a name in the checkpoint.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from torch import nn

from ecg_lightning import models
from ecg_lightning.annotation.classifying.known_beats import checked, known_beats
from ecg_lightning.cli.messages import in_one_line
from ecg_lightning.cli.own_network import import_module_class
from ecg_lightning.cli.yaml_values import read_config
from ecg_lightning.errors import InputError
from ecg_lightning.models.checkpoint import DESCRIPTION, read_checkpoint
from ecg_lightning.nested import value_at
from ecg_lightning.signals.views import make_view
from ecg_lightning.text import escaped

OURS = "ecg_lightning.models."
PREFIX = "network."  # of a classifier's weights


@dataclass(frozen=True)
class OwnNetwork:
    """A class of the user and its arguments.

    Attributes:
        class_path: Such as `mynet.MyNet`.
        arguments: Those of the class, without `input_length`.
    """

    class_path: str
    arguments: Mapping[str, Any]

    @classmethod
    def of_config(cls, path: Path) -> "OwnNetwork":
        """Return the network of a run's config.yaml.

        Raises:
            InputError: There is no such file, or it names none.
        """
        network = value_at(read_config(path), "model", "network")
        name = value_at(network, "class_path") if isinstance(network, Mapping) else network
        if not isinstance(name, str):
            hint = "take the config.yaml of the run, or name the class (--network)"
            raise InputError(
                f"config {path}", expected="a network below `model`", found="none", hint=hint
            )
        return cls(name, value_at(network, "init_args") or {})

    def read(self, path: Path) -> tuple[nn.Module, dict[str, Any], tuple[int, ...]]:
        """Read the weights of a checkpoint into the network.

        Args:
            path: A checkpoint of the network.

        Returns:
            The network in evaluation mode, the checkpoint's description, and the shape of a beat.

        Raises:
            InputError: The class cannot be imported or built, the weights are of another network,
                or the run that the checkpoint lies in had other arguments.
        """
        self._check_run(path)
        content = read_checkpoint(path)
        description = content[DESCRIPTION]
        shape = _shape(description, path)
        network = self._built(shape[-1])
        weights = {
            name.removeprefix(PREFIX): value
            for name, value in content["state_dict"].items()
            if name.startswith(PREFIX)
        }
        try:
            network.load_state_dict(weights, assign=True)
        except (RuntimeError, AttributeError) as error:
            raise InputError(
                str(path),
                expected=f"the weights of {type(network).__name__}",
                found=f"others: {escaped(' '.join(str(error).split()))}",
                hint="name the class and the arguments that were trained (--config RUN/config.yaml "
                "has both)",
            ) from error
        return network.eval(), {**description, "input_length": shape[-1]}, shape

    def _check_run(self, path: Path) -> None:
        """Refuse other arguments than those of the run: they may change no weight, but results.

        A checkpoint does not keep them.
        """
        config = _config_beside(path)
        trained = OwnNetwork.of_config(config) if config.is_file() else self
        if trained.class_path != self.class_path:
            return
        parameters = inspect.signature(import_module_class(self.class_path, "network")).parameters
        expected, found = (
            {
                name: value
                for name, value in one.arguments.items()
                if name != "input_length"
                and (name not in parameters or value != parameters[name].default)
            }
            for one in (trained, self)
        )
        if found != expected:
            raise InputError(
                f"network {self.class_path}",
                expected=f"the arguments of the training, {escaped(str(expected), 200)}",
                found=escaped(str(found), 200) if found else "none",
                hint=f"name the config of the run: --config {config}",
            )

    def _built(self, input_length: int) -> nn.Module:
        """The network with new weights; `input_length` is given to it where it takes it."""
        value, arguments = import_module_class(self.class_path, "network"), dict(self.arguments)
        if "input_length" in inspect.signature(value).parameters:
            arguments["input_length"] = input_length
        parser = ArgumentParser(exit_on_error=False)
        parser.add_subclass_arguments(nn.Module, "network", fail_untyped=False)  # as Lightning
        settings = {"network": {"class_path": self.class_path, "init_args": arguments}}
        try:
            network: nn.Module = parser.instantiate_classes(parser.parse_object(settings)).network
        except InputError:
            raise
        except Exception as error:  # the class is the user's: it may raise anything
            raise InputError(
                f"network {self.class_path}",
                expected="a network that can be built with these arguments",
                found=in_one_line(f"{type(error).__name__}: {error}", "ecg-lightning fit"),
                hint="give its arguments (--config RUN/config.yaml)",
            ) from error
        return network


def refuse_own(path: Path) -> None:
    """Refuse the checkpoint of a class of the user that is not named.

    Raises:
        InputError: It is such a checkpoint.
    """
    description = read_checkpoint(path)[DESCRIPTION]
    name, trained = description["network"], value_at(description, "config", "model", "network")
    own = isinstance(trained, str) and not trained.startswith(OURS)
    if name in models.NETWORKS and not own:
        return
    config = _config_beside(path)
    place = f" --config {config}" if config.is_file() else " --network NAME"
    raise InputError(
        str(path),
        expected=f"a network of this package ({', '.join(models.NETWORKS)})",
        found=f"the network {name!r:.60}, a class of your own",
        hint=f"name it:{place}",
    )


def _config_beside(path: Path) -> Path:
    """Where the config of a run lies, of which this is a checkpoint."""
    return path.absolute().parent.parent / "config.yaml"


def _shape(description: Mapping[str, Any], path: Path) -> tuple[int, ...]:
    """The shape of a beat as the network saw it: (1, T) or (1, H, W)."""
    beats = checked(known_beats(description["config"]), str(path))
    if not {"window_samples", "fs_hz", "view"} <= beats.keys():
        raise InputError(
            str(path),
            expected="a checkpoint that says how its beats were prepared",
            found="none of that",
            hint="train the network by ecg-lightning fit",
        )
    shape = make_view(beats["view"], beats["window_samples"], beats["fs_hz"]).shape
    return tuple(shape)
