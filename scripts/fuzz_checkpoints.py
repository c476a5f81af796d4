"""Damaged checkpoints for fuzz.py."""

import copy
import io
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import torch
from fuzz_bytes import EXTREMES, TEXTS, damaged_bytes, damaged_member, zipped
from fuzz_records import whole_command
from fuzz_target import WrongError
from torch import Tensor

from ecg_lightning.models import DeepConv1d
from ecg_lightning.models.checkpoint import read_network
from ecg_lightning.records.synthetic.database import write_synthetic
from ecg_lightning.training.checkpoints import check_weights, checked_checkpoint
from ecg_lightning.training.classifier import BeatClassifier

FILE = "input.ckpt"
WHOLE = 0.06  # share of the inputs that a whole command reads: it takes a second or more
BOMB_BYTES = 600 << 20
_DATA = ("--data.source", "wfdb", "--data.segmentation", "annotations", "--data.balance", "none")


class Checkpoints:
    """Checkpoints of a short fit with damaged bytes, members or values."""

    def prepare(self, folder: Path) -> None:
        """Train DeepConv1d for an epoch on half a minute of five simulated patients."""
        write_synthetic(folder / "records", patients=5, minutes=0.5)
        self.data = [*_DATA, "--data.root", str(folder / "records")]
        run = folder / "run"
        short = ["--trainer.max_epochs", "1", "--data.split", "records", "--output", str(run)]
        whole_command(["fit", *self.data, *short], allowed=(0,))
        content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
        self.content: dict[str, Any] = _without_path(content, f"{folder}/")
        self.bytes = saved(self.content)
        self.config = run / "config.yaml"
        self.bomb = zipped(
            [("archive/data.pkl", b" " * BOMB_BYTES), ("archive/version", b"3\n")],
            zipfile.ZIP_DEFLATED,
        )

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Write a checkpoint: two in five with damaged bytes, two in five with odd values."""
        choice = rng.randrange(50) if damage else 49
        if choice < 10:
            content = damaged_bytes(self.bytes, rng)
        elif choice < 20:
            content = damaged_member(self.bytes, rng)
        elif choice < 47:
            content = saved(damaged_values(self.content, rng))
        else:
            content = self.bomb if choice == 47 else self.bytes
        (folder / FILE).write_bytes(content)

    def past_header(self, folder: Path) -> bool:
        """Whether the file is a zip file with right checksums and a pickle of plain values."""
        try:
            with zipfile.ZipFile(folder / FILE) as archive:
                if sum(info.file_size for info in archive.infolist()) > BOMB_BYTES // 2:
                    return False
                if archive.testzip() is not None:
                    return False
            return isinstance(torch.load(folder / FILE, weights_only=True), dict)
        except Exception:  # zipfile and torch raise a dozen classes
            return False

    def check(self, folder: Path, rng: Random) -> None:
        """Read the checkpoint as a verb does; at times run the whole verb."""
        path, verb = folder / FILE, rng.choice(("test", "test", "predict", "validate", "fit"))
        if rng.random() < (4 * WHOLE if verb == "fit" else WHOLE):
            whole_command(self._words(verb, path, folder))
        if rng.random() < 0.3:
            self._check_network(path)
        content = checked_checkpoint(str(path), verb)
        if content is None:
            raise WrongError("no content")
        model = BeatClassifier(DeepConv1d(256, 5))
        check_weights(str(path), content, model)
        model.load_state_dict(content["state_dict"])
        self._check_weights(content["state_dict"], path)

    def _words(self, verb: str, path: Path, folder: Path) -> list[str]:
        if verb == "fit":
            resumed = ["--trainer.max_epochs", "2", "--output", str(folder.parent / "resumed")]
            return ["fit", "--config", str(self.config), "--ckpt_path", str(path), *resumed]
        return [verb, "--ckpt_path", str(path), *self.data, "--data.split", "all"]

    def _check_network(self, path: Path) -> None:
        """Read the network alone, as export does."""
        network, description = read_network(path)
        with torch.no_grad():
            weights = next(network.parameters())
            logits = network(weights.new_zeros(1, 1, description["input_length"]))
        largest = max(float(tensor.abs().max()) for tensor in network.parameters())
        if not torch.isfinite(logits).all() and largest < 1e3:  # predict refuses what overflows
            raise WrongError("accepted a network with logits that are not finite")

    def _check_weights(self, state: dict[str, Tensor], path: Path) -> None:
        """Compare accepted weights with the original ones, unless the file's checksums are new."""
        for name, tensor in state.items():
            if not torch.isfinite(tensor).all():
                raise WrongError("accepted weights that are not finite")
            if not _same_members(path, self.bytes):
                continue
            if not torch.equal(tensor, self.content["state_dict"][name]):
                raise WrongError("accepted other weights than the checksums say")


def saved(content: object) -> bytes:
    """The bytes of a checkpoint."""
    into = io.BytesIO()
    torch.save(content, into)
    return into.getvalue()


def _same_members(path: Path, original: bytes) -> bool:
    """Whether the directory of a zip file names the original's checksums."""
    try:
        with zipfile.ZipFile(path) as one, zipfile.ZipFile(io.BytesIO(original)) as other:
            checksums = [{i.filename: i.CRC for i in zipped.infolist()} for zipped in (one, other)]
            return checksums[0] == checksums[1]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return True  # nobody can know; so it must be refused, or be the original


def _without_path(value: Any, path: str) -> Any:
    """The same values without the folder of this process in texts."""
    if isinstance(value, dict):
        return {key: _without_path(item, path) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_without_path(item, path) for item in value])
    return value.replace(path, "") if isinstance(value, str) else value


def damaged_values(content: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The content with one or two entries removed, renamed, wrapped or replaced."""
    content = _copied(content)
    for _ in range(rng.choice((1, 1, 1, 2))):
        holder: Any = content
        for _ in range(rng.randint(0, 4)):
            inner = [v for v in _items(holder) if isinstance(v, dict | list) and v]
            if not inner:
                break
            holder = rng.choice(inner)
        if not holder:
            continue
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        action = rng.randrange(8)
        if action == 0:
            del holder[key]
        elif action == 1:
            holder[key] = [holder[key]]
        elif action == 2 and isinstance(holder, dict):
            holder[rng.choice((*TEXTS, 3, None))] = holder.pop(key)
        elif isinstance(holder[key], Tensor) and action < 7:
            holder[key] = odd_tensor(holder[key], rng)
        else:
            holder[key] = odd_value(rng)
    return content


def _copied(content: Any) -> Any:
    """A copy whose containers may be changed; the tensors are shared."""
    if isinstance(content, dict):
        return {key: _copied(value) for key, value in content.items()}
    return (
        [_copied(value) for value in content] if isinstance(content, list) else copy.copy(content)
    )


def _items(holder: Any) -> list[Any]:
    return list(holder.values()) if isinstance(holder, dict) else list(holder)


def odd_value(rng: Random) -> Any:
    """A value that does not belong there."""
    numbers = (None, True, -1, 0, 2**70, 1e308, float("nan"), float("inf"), -0.5)
    others: tuple[Any, ...] = (
        [],
        {},
        [1],
        {"a": 1},
        (),
        b"bytes",
        [[[]]],
        torch.zeros(0),
        torch.tensor(7),
    )
    nested: list[Any] = []
    for _ in range(200):
        nested = [nested]
    return rng.choice((*numbers, *others, nested, rng.choice(EXTREMES), rng.choice(TEXTS)))


def odd_tensor(tensor: Tensor, rng: Random) -> Tensor:
    """A tensor with other numbers, or of another shape, type or layout."""
    some = tensor.clone()
    if some.numel() and some.is_floating_point():
        value = rng.choice((float("nan"), float("inf"), -float("inf"), 1e38, -1.0))
        some.view(-1)[rng.randrange(some.numel())] = value
    kinds = (
        lambda: some,
        lambda: some,
        lambda: tensor.double(),
        lambda: tensor.half(),
        lambda: tensor.to(torch.complex64),
        lambda: tensor.long() if tensor.is_floating_point() else tensor.bool(),
        lambda: tensor.to("meta"),
        lambda: tensor.to_sparse(),
        lambda: tensor[None],
        lambda: tensor.reshape(-1)[:-1],
        lambda: torch.zeros(1).expand(1 << 32),
        lambda: torch.zeros(1).expand(tensor.shape),
        lambda: torch.zeros(0),
        lambda: torch.empty((0, 1 << 40)),
        lambda: torch.nn.Parameter(some) if some.is_floating_point() else some,
    )
    return rng.choice(kinds)()
