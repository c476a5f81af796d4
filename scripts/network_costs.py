"""Measure what networks cost: parameters, size, operations for a beat, and speed on one core.

    python scripts/network_costs.py --mitdb MITDB [--document docs/unseen-patients.md]

Operations are multiply-adds of matrix products and convolutions in a forward pass, products with
padding included. Those of PatientContext are counted by torch (`torch.utils.flop_counter`); what is
no such product, as its numbers about shapes, is not counted. Those of the other networks are
counted layer by layer as direct convolutions; the Fourier transform that runs needs fewer. A
network of sequences is measured on half an hour of 2,000 beats, the others on batches of 1,024.

`network` is the speed of the forward pass alone; `from windows` has for PatientContext also the
template and the numbers of the rhythm, made of cut windows. `record` is the time of `annotate` for
a record of half an hour, with the detector. All networks have random weights, but `record` needs
weights that are shipped, or those of `--weights LABEL=WEIGHTS`.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from documents import fill, measured_on, table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ecg_lightning import models
from ecg_lightning.annotation.annotator import Annotator
from ecg_lightning.models.names import SHIPPED
from ecg_lightning.models.patient_context import ROWS, WINDOW_SAMPLES
from ecg_lightning.signals.context import LEADS, CausalContext, context_rows
from ecg_lightning.signals.templates import MARGIN

SEQUENCE, BATCH = 2000, 1024
RECORD = "100"
Make = Callable[[], nn.Module]
NETWORKS: Mapping[str, Make] = {
    "PatientContext": models.PatientContext,
    "PatientContext-causal": lambda: models.PatientContext(causal=True),
    "DeepConv1d": models.DeepConv1d,
    "TimeDepends": models.TimeDepends,
}


@dataclass(frozen=True)
class Costs:
    """What a network costs.

    Attributes:
        parameters: Their number.
        kilobytes: Of the parameters in float32.
        multiply_adds: For one beat.
        network: Beats a second, the forward pass alone.
        from_windows: Beats a second from cut windows.
        record_s: Seconds for a record of half an hour; None: not measured.
    """

    parameters: int
    kilobytes: float
    multiply_adds: float
    network: float
    from_windows: float
    record_s: float | None


def example(network: nn.Module) -> Tensor:
    """Return a random input: one sequence of beats, or a batch of them."""
    generator = torch.Generator().manual_seed(0)
    if isinstance(network, models.PatientContext):
        x = torch.randn(1, SEQUENCE, ROWS, WINDOW_SAMPLES, generator=generator)
        x[..., -1, 0] = 1
        return x
    length = int(network.input_length)  # type: ignore[arg-type]
    return torch.rand(BATCH, 1, length, generator=generator)


def beats_of(x: Tensor) -> int:
    """Return how many beats an input has."""
    return x.shape[1] if x.dim() == 4 else len(x)


@torch.no_grad()
def multiply_adds(network: nn.Module, x: Tensor) -> float:
    """Return the multiply-adds for one beat, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        network.eval()(x)
    return float(counter.get_total_flops() / 2 / beats_of(x))


@torch.no_grad()
def direct_multiply_adds(network: nn.Module, x: Tensor) -> float:
    """Return those of dense layers and direct convolutions, for one beat."""
    counts: list[float] = []

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        channels = output.shape[1 if isinstance(layer, nn.Conv1d) else -1]
        weights: Tensor = layer.weight  # type: ignore[assignment]
        counts.append(output.numel() / channels * weights.numel())

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv1d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    network.eval()(x)
    for hook in hooks:
        hook.remove()
    return sum(counts) / beats_of(x)


def per_second(work: Callable[[], object], beats: int, least_s: float = 1.0) -> float:
    """Return beats a second: the median of calls that take `least_s` together, at least one."""
    work()
    times: list[float] = []
    while not times or sum(times) < least_s:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return beats / statistics.median(times)


def windows(beats: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random windows of beats and their times."""
    random = np.random.default_rng(0)
    times_s = np.cumsum(random.uniform(0.7, 1.0, beats))
    usual = random.normal(size=(1, LEADS, WINDOW_SAMPLES + 2 * MARGIN)).cumsum(-1)
    return usual + random.normal(size=(beats, *usual.shape[1:])), times_s


@torch.no_grad()
def costs_of(network: nn.Module, record_s: float | None, least_s: float = 1.0) -> Costs:
    """Measure a network."""
    network = network.eval()
    x = example(network)
    parameters = sum(weights.numel() for weights in network.parameters())
    alone = per_second(lambda: network(x), beats_of(x), least_s)
    from_windows = alone
    if isinstance(network, models.PatientContext):
        cut, times_s = windows(SEQUENCE)

        def whole() -> Tensor:
            rows = (
                CausalContext().push(cut, times_s) if network.causal else context_rows(cut, times_s)
            )
            result: Tensor = network(torch.from_numpy(rows)[None])
            return result

        from_windows = per_second(whole, SEQUENCE, least_s)
    is_in_context = isinstance(network, models.PatientContext)
    operations = (multiply_adds if is_in_context else direct_multiply_adds)(network, x)
    return Costs(parameters, 4 * parameters / 1000, operations, alone, from_windows, record_s)


def record_seconds(path: Path, weights: str, causal: bool) -> float:
    """Return the time of annotating a record, the better of two."""
    annotator = Annotator.from_pretrained(weights)
    times = []
    for _ in range(2):
        started = time.perf_counter()
        annotator.annotate(path, causal=causal)
        times.append(time.perf_counter() - started)
    return min(times)


def costs_table(costs: Mapping[str, Costs]) -> str:
    """Return the table."""
    head = (
        *("network", "parameters", "kB (float32)", "multiply-adds a beat"),
        *("network, beats/s", "from windows, beats/s", "record of half an hour"),
    )
    rows = [
        [
            name,
            f"{one.parameters:,}",
            f"{one.kilobytes:,.0f}",
            f"{one.multiply_adds:,.0f}",
            f"{one.network:,.0f}",
            f"{one.from_windows:,.0f}",
            "–" if one.record_s is None else f"{one.record_s:.1f} s",
        ]
        for name, one in costs.items()
    ]
    return table(head, rows)


def main(words: Sequence[str] | None = None) -> None:
    """Measure all networks, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mitdb", type=Path, help=f"folder of MIT-BIH, for record {RECORD}")
    parser.add_argument(
        "--weights",
        nargs="+",
        default=[],
        metavar="LABEL=WEIGHTS",
        help="weights that are not shipped, for the record",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all numbers go")
    parser.add_argument("--document", type=Path, help="document whose table is replaced")
    args = parser.parse_args(words)
    torch.set_num_threads(1)
    weights = {name: name for name in SHIPPED}
    weights |= dict(word.split("=", 1) for word in args.weights)
    costs = {}
    for name, make in NETWORKS.items():
        record_s = None
        if args.mitdb and name in weights:
            record_s = record_seconds(
                args.mitdb / RECORD, weights[name], causal=name.endswith("causal")
            )
        costs[name] = costs_of(make(), record_s)
        print(name, costs[name], flush=True)
    machine = f"One thread; {measured_on('torch', 'numpy', 'scipy')}"
    text = f"{costs_table(costs)}\n\n{machine}"
    print(text)
    if args.json:
        figures = {name: vars(one) for name, one in costs.items()}
        args.json.write_text(f"{json.dumps(figures, indent=1)}\n", encoding="utf-8")
    if args.document:
        fill(args.document, {"network-costs": text})


if __name__ == "__main__":
    main()
