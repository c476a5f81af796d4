"""The network part of the benchmark: training, prediction, one beat, FLOPs and peaks.

Training is measured with Lightning's Trainer and as bare steps.
"""

import logging
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from benchmark_turns import Turns
from documents import cpu_name
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning import models
from ecg_lightning.data.datamodule import BeatDataModule
from ecg_lightning.export.exporter import export_network
from ecg_lightning.keras_import.weights import keras_from_state_dict
from ecg_lightning.models.fast.correlation import multiply
from ecg_lightning.system.memory import keep_freed_memory
from ecg_lightning.training.classifier import BeatClassifier

CLASSES = 5
GEMM_SIDES, GPU_GEMM_SIDE, SMOKE_GEMM_SIDE = (512, 1024, 2048), 8192, 64
PROFILED_STEPS = 5


def begin(threads: int) -> dict[str, str]:
    """Set threads and allocator as the command line does, silence hints; return the versions."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    return {
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "python": platform.python_version(),
    }


class Epochs(lightning.Callback):
    """Makes each epoch a round: from its start to the start of the next."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Wait for the other sides."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        self.turns.next()


def fit(
    turns: Turns,
    network: str,
    batch: int,
    count: int,
    precision: Any,
    data: Mapping[str, Any],
    accelerator: str = "cpu",
    compiled: bool = False,
) -> None:
    """Train with one `Trainer.fit` on the data module's loader, without validation.

    A round is one epoch of `count` beats.
    """
    beats = BeatDataModule(
        batch_size=batch,
        per_class=count // CLASSES,
        view="image" if network == "Conv2d" else "signal",
        **data,
    )
    beats.prepare_data()
    model = classifier(network)
    if compiled:
        model.network.compile()
    trainer_of(Epochs(turns), precision=precision, accelerator=accelerator, devices=1).fit(
        model, datamodule=beats
    )


def trainer_of(callback: lightning.Callback, **settings: Any) -> lightning.Trainer:
    """Return a Trainer without logs, checkpoints, progress and validation, and without an end."""
    quiet: dict[str, Any] = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    alone: dict[str, Any] = {"max_epochs": -1, "limit_val_batches": 0, "num_sanity_val_steps": 0}
    return lightning.Trainer(callbacks=[callback], **quiet, **{**alone, **settings})


def step(turns: Turns, network: str, batch: int, steps: int, precision: str = "32-true") -> None:
    """Run the bare training step `steps` times per call: forward, loss, backward, optimizer."""
    turns.repeat(training_step(network, batch, steps, precision))


def training_step(
    network: str, batch: int, steps: int, precision: str, device: str = "cpu"
) -> Callable[[], None]:
    """Return a function that trains `steps` steps on one random batch."""
    model = classifier(network).to(device)
    optimizer: Any = model.configure_optimizers()
    x, y = inputs(model.network, batch).to(device), (torch.arange(batch) % CLASSES).to(device)

    def train() -> None:
        for _ in range(steps):
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16-mixed"):
                loss = F.cross_entropy(model.network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return train


@torch.inference_mode()
def predict(turns: Turns, network: str, batch: int, count: int, precision: str = "32-true") -> None:
    """Compute the probabilities of `count` beats, batch by batch."""
    model = classifier(network).network.eval()
    x = inputs(model, count)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
        turns.repeat(
            lambda: torch.cat([model(part).float().softmax(-1) for part in x.split(batch)]).numpy()
        )


@torch.inference_mode()
def one(turns: Turns, network: str) -> None:
    """Compute the probabilities of one beat."""
    model = classifier(network).network.eval()
    x = inputs(model, 1)
    turns.repeat(lambda: model(x).softmax(-1).numpy())


def one_exported(turns: Turns, network: str) -> None:
    """Compute them with ONNX Runtime, from what `ecg-lightning export` writes."""
    import onnxruntime

    model = classifier(network).network.eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        export_network(model, file, "onnx", {}, softmax=True)
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
    x = inputs(model, 1).numpy()
    turns.repeat(lambda: session.run(None, {"beats": x}))


@torch.inference_mode()
def probabilities(network: str, batch: int) -> dict[str, Any]:
    """Return our probabilities of some beats, and beats and weights as Keras needs them."""
    model = classifier(network).network.eval()
    x = inputs(model, batch)
    weights = keras_from_state_dict(model, model.state_dict())
    return {
        "x": x.movedim(1, -1).numpy(),
        "weights": weights,
        "probabilities": model(x).softmax(-1).numpy(),
    }


def training_flops(network: str) -> float:
    """Return the FLOPs of one beat in a training step; see `direct_flops`."""
    return direct_flops(classifier(network).network)


@torch.inference_mode()
def direct_flops(network: nn.Module) -> float:
    """Count the FLOPs of a beat in a training step with direct convolutions.

    Each product of a weight and a value counts two, products with padding count nothing. The
    forward pass counts, and the gradients of input and weight, of which the first layer needs only
    the second.
    """
    layers: list[float] = []

    def count(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if isinstance(layer, nn.Linear):
            products = float(layer.weight.numel())
        else:
            weight: Any = layer.weight
            shapes = zip(inputs[0].shape[2:], output.shape[2:], weight.shape[2:], strict=True)
            products = (
                float(np.prod([_touching(*shape) for shape in shapes]))
                * weight.shape[0]
                * weight.shape[1]
            )
        layers.append(2 * products * (3 if layers else 2))

    types = (nn.Conv1d, nn.Conv2d, nn.Linear)
    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, types)
    ]
    network.eval()(inputs(network, 1))
    for hook in hooks:
        hook.remove()
    return sum(layers)


def _touching(samples: int, outputs: int, taps: int) -> int:
    """Count the pairs of an output and a tap that meet a sample and not padding."""
    left = (outputs + taps - 1 - samples) // 2
    return sum(0 <= i + tap - left < samples for i in range(outputs) for tap in range(taps))


def facts(smoke: bool) -> dict[str, Any]:
    """Return CPU, GPU and their peaks: FLOP/s of square matrix products.

    The peak is the best of a few sizes; each is measured for 0.3 seconds. With `smoke` it means
    nothing: a small product takes no time even where the processor emulates bfloat16.
    """
    types = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    sides, gpu_side, seconds = (
        ((SMOKE_GEMM_SIDE,), SMOKE_GEMM_SIDE, 0.01) if smoke else (GEMM_SIDES, GPU_GEMM_SIDE, 0.3)
    )
    peaks = {
        name: max(_gemm(side, dtype, seconds) for side in sides) for name, dtype in types.items()
    }
    if gpu_name():
        peaks |= {
            f"cuda {name}": _gemm(gpu_side, dtype, seconds, "cuda") for name, dtype in types.items()
        }
    return {"cpu": cpu_name(), "gpu": gpu_name(), "peaks_flops_per_s": peaks}


def gpu_name() -> str | None:
    """Return the name of the GPU, or None."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def gpu_count() -> int:
    """Return the number of GPUs."""
    return torch.cuda.device_count()


def _gemm(side: int, dtype: torch.dtype, seconds: float, device: str = "cpu") -> float:
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    multiply(a, b)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        multiply(a, b)
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 2 * side**3 / float(np.median(times))


def profile(
    network: str, batch: int, precision: str, device: str = "cpu", top: int = 12
) -> dict[str, Any]:
    """Return what bare training steps spend their time on.

    Returns:
        `step_s`, the time of a step; `kernel_s`, for how much of it a GPU worked (the rest are gaps
        between launches); `operations`, those with the most time of their own: on a GPU its
        kernels, on a CPU torch's operations.
    """
    train = training_step(network, batch, PROFILED_STEPS, precision, device)
    train()
    gpu = device == "cuda"
    activities = [
        torch.profiler.ProfilerActivity.CPU,
        *([torch.profiler.ProfilerActivity.CUDA] if gpu else []),
    ]
    with torch.profiler.profile(activities=activities) as profiler:
        started = time.perf_counter()
        train()
        if gpu:
            torch.cuda.synchronize()
        step_s = (time.perf_counter() - started) / PROFILED_STEPS
    own = "self_device_time_total" if gpu else "self_cpu_time_total"
    events = sorted(profiler.key_averages(), key=lambda event: -getattr(event, own))
    total = sum(getattr(event, own) for event in events)
    operations = [
        {"name": e.key, "share": getattr(e, own) / total, "calls": e.count / PROFILED_STEPS}
        for e in events[:top]
    ]
    return {
        "step_s": step_s,
        "kernel_s": total / PROFILED_STEPS * 1e-6 if gpu else None,
        "operations": operations,
    }


def classifier(network: str) -> BeatClassifier:
    """Return a classifier with the same first weights every time."""
    torch.manual_seed(0)
    return BeatClassifier(getattr(models, network)())


def inputs(network: nn.Module, count: int) -> Tensor:
    """Return random beats (count, 1, T) or images (count, 1, H, W)."""
    length: Any = network.input_length
    shape = (1, length, length) if isinstance(network, models.Conv2d) else (1, length)
    return torch.from_numpy(np.random.default_rng(0).random((count, *shape), dtype=np.float32))
