"""PatientContext: a beat with its patient's usual beat, rhythm and neighbouring beats."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_lightning.errors import InputError
from ecg_lightning.models.checks import check_tensor
from ecg_lightning.models.pretrained import load_shipped
from ecg_lightning.models.shape_comparison import AROUND, PER_LEAD, shape_numbers

LEADS, WINDOW_SAMPLES, NUMBERS = 2, 128, 28  # of a beat; `signals.context` makes them
ROWS = 2 * LEADS + 1
IS_BEAT, LOG_RR, FIRST_RATIO = 0, 1, 2  # places in the row of numbers
MEMBERS, WIDTH, KERNEL_BEATS, DILATIONS, POOLS = 3, 48, 5, (1, 2, 4), 4
# The ends of intervals of scaled numbers. Ventricular beats lie far above the mean.
KNOTS = (-3.0, -1.2, -0.5, 0.0, 0.5, 1.0, 1.8, 3.0, 5.0, 8.0)
FARTHEST = 8.0  # a scaled number as such; farther ones are alike
LARGEST = 12.0  # numbers beyond are clipped
NOISE, SHARED_NOISE = 0.4, 0.25  # of scaled numbers in training: of each beat, of a sequence
_MEASURED_STEPS = 100
_LITTLE = 1e-12


class PatientContext(nn.Module):
    """Classifies each beat of a sequence by its shape, its rhythm and its neighbours.

    The input holds five rows of 128 samples for each beat: two leads, the patient's template of
    each, and numbers about the rhythm. `ecg_lightning.signals.context` makes it of a recording.
    Sequences are consecutive beats of one recording; a beat whose numbers are all 0 fills up the
    end of a shorter sequence and changes nothing.

    The network has `MEMBERS` members that see the same numbers. Each is trained on its own, and
    the mean of their probabilities decides.

    Args:
        input_length: Samples of a beat: 128.
        classes: Number of classes.
        causal: Whether no beat sees the beats after it.

    Raises:
        InputError: The input length is another one.

    Example:
        >>> PatientContext().eval()(torch.zeros(2, 300, 5, 128)).shape
        torch.Size([2, 300, 5])
    """

    takes_sequences = True

    def __init__(self, input_length: int = 128, classes: int = 5, causal: bool = False) -> None:
        super().__init__()
        if input_length != WINDOW_SAMPLES:
            raise InputError(
                "PatientContext: input_length",
                expected=str(WINDOW_SAMPLES),
                found=str(input_length),
                hint="choose the segmentation context",
                setting="segmentation",
            )
        self.input_length, self.causal = input_length, causal
        count = NUMBERS - FIRST_RATIO + LEADS * PER_LEAD
        self.scaling, self.noise = MeasuredScaling(count), Noise(NOISE, SHARED_NOISE)
        self.intervals = IntervalShares(KNOTS, FARTHEST)
        self.members = nn.ModuleList(
            Member(count * self.intervals.per_number, classes, causal) for _ in range(MEMBERS)
        )

    @classmethod
    def from_pretrained(cls, causal: bool = False) -> Self:
        """Return PatientContext with the shipped weights, in evaluation mode.

        Its logits are those before the temperature and before shares of N and S are estimated;
        `Annotator` does both. See weights/README.md.

        Args:
            causal: Whether to load the weights that see no later beat.
        """
        return load_shipped(cls(causal=causal))

    @property
    def beats_around(self) -> int:
        """How many earlier beats decide about a beat if causal; else the whole sequence does."""
        return (KERNEL_BEATS - 1) * sum(DILATIONS) + AROUND - 1

    def numbers(self, x: Tensor) -> Tensor:
        """Return the numbers (S, K, M) about each beat, as other classifiers can use them too."""
        beats, templates, others = x[:, :, :LEADS], x[:, :, LEADS:-1], x[:, :, -1]
        shapes = shape_numbers(
            beats, templates, others[..., LOG_RR].exp(), others[..., :1], self.causal
        )
        numbers = torch.cat([others[..., FIRST_RATIO:NUMBERS], shapes], -1)
        return numbers.clamp(-LARGEST, LARGEST)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of sequences x: (S, K, 5, 128).

        Returns:
            (S, K, classes) the logarithms of the mean probabilities; while training (MEMBERS, S, K,
            classes), those of each member.
        """
        check_tensor("PatientContext", x)
        is_beat = x[:, :, -1, :1]
        numbers = self.noise(self.scaling(self.numbers(x), is_beat))
        seen = self.intervals(numbers)
        logits = torch.stack([member(seen, is_beat) for member in self.members])
        return logits if self.training else logits.softmax(-1).mean(0).clamp(min=_LITTLE).log()


class Member(nn.Module):
    """One judge of beats: numbers, neighbouring beats, and what the sequence has in common.

    Args:
        count: Numbers of a beat.
        classes: Number of classes.
        causal: Whether no beat sees the beats after it. Then it sees no summary of the sequence.
    """

    def __init__(self, count: int, classes: int, causal: bool) -> None:
        super().__init__()
        self.of_beat = nn.Sequential(
            nn.Linear(count, WIDTH), nn.GELU(), nn.Dropout(0.2), nn.Linear(WIDTH, WIDTH), nn.GELU()
        )
        self.of_neighbours = nn.ModuleList(
            NeighbourBlock(WIDTH, KERNEL_BEATS, dilation, causal) for dilation in DILATIONS
        )
        self.of_sequence = None if causal else SequenceSummary(WIDTH, POOLS)
        self.head = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, classes)
        )

    def forward(self, numbers: Tensor, is_beat: Tensor) -> Tensor:
        """Return logits (S, K, classes) of numbers (S, K, count); `is_beat` (S, K, 1)."""
        hidden: Tensor = self.of_beat(numbers) * is_beat
        for block in self.of_neighbours:
            hidden = block(hidden) * is_beat
        if self.of_sequence is not None:
            hidden = hidden + self.of_sequence(hidden, is_beat)
        logits: Tensor = self.head(hidden)
        return logits


class IntervalShares(nn.Module):
    """Show each number as itself and, for each of a few intervals, the share of it that lies below.

    A layer that follows can then treat each interval on its own, much as trees do. Source: Y.
    Gorishniy, I. Rubachev and A. Babenko, "On embeddings for numerical features in tabular deep
    learning", NeurIPS 2022 (piecewise linear encoding); there the intervals are those of quantiles.

    Args:
        knots: The ends of the intervals, ascending.
        farthest: The number itself is clipped to so much on both sides of 0.
    """

    def __init__(self, knots: Sequence[float], farthest: float) -> None:
        super().__init__()
        self.knots, self.farthest, self.per_number = tuple(knots), farthest, len(knots)

    def forward(self, numbers: Tensor) -> Tensor:
        """Map (S, K, count) to (S, K, count x per_number)."""
        knots = numbers.new_tensor(self.knots)
        shares = ((numbers[..., None] - knots[:-1]) / knots.diff()).clamp(0, 1)
        near = numbers.clamp(-self.farthest, self.farthest)
        return torch.cat([near, shares.flatten(-2)], -1)


class Noise(nn.Module):
    """Noise on scaled numbers while training.

    Patients differ in all numbers at once, and there are few of them to learn from.

    Args:
        of_beat: The deviation of what each beat gets.
        of_sequence: That of what all beats of a sequence get.
    """

    def __init__(self, of_beat: float, of_sequence: float) -> None:
        super().__init__()
        self.of_beat, self.of_sequence = of_beat, of_sequence

    def forward(self, numbers: Tensor) -> Tensor:
        """Map (S, K, count) to the same shape."""
        if not self.training:
            return numbers
        shared = self.of_sequence * torch.randn_like(numbers[:, :1])
        return numbers + self.of_beat * torch.randn_like(numbers) + shared


class NeighbourBlock(nn.Module):
    """A dilated convolution over beats, added to its input.

    Args:
        width: Numbers of a beat.
        kernel_beats: Beats that the kernel covers.
        dilation: Beats from one to the next of these.
        causal: Whether it sees no later beat.
    """

    def __init__(self, width: int, kernel_beats: int, dilation: int, causal: bool) -> None:
        super().__init__()
        reach = (kernel_beats - 1) * dilation
        self.padding = (reach, 0) if causal else (reach // 2, reach // 2)
        self.convolution = nn.Conv1d(width, width, kernel_beats, dilation=dilation)
        self.normalization = nn.LayerNorm(width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (S, K, width) to the same shape."""
        around = self.convolution(F.pad(hidden.transpose(1, 2), self.padding)).transpose(1, 2)
        return hidden + F.gelu(self.normalization(around))


class SequenceSummary(nn.Module):
    """What the beats of a sequence have in common: several weighted means, mixed.

    Args:
        width: Numbers of a beat.
        pools: Weighted means.
    """

    def __init__(self, width: int, pools: int) -> None:
        super().__init__()
        self.weights, self.mixed = nn.Linear(width, pools), nn.Linear(pools * width, width)

    def forward(self, hidden: Tensor, is_beat: Tensor) -> Tensor:
        """Map (S, K, width) to (S, 1, width)."""
        shares = (self.weights(hidden) + (is_beat - 1) * 1e4).softmax(1)
        means = shares.transpose(1, 2) @ hidden  # (S, pools, width)
        summary: Tensor = self.mixed(means.flatten(1))
        return summary[:, None]


class MeasuredScaling(nn.Module):
    """Shift and divide numbers by their mean and deviation in the first training batches.

    After `_MEASURED_STEPS` training batches both stay as they are, so that training and evaluation
    scale alike. Checkpoints keep them.

    Args:
        count: Numbers of a beat.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(3, count, dtype=torch.float64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.sums: Tensor  # of ones, numbers, and squares
        self.steps: Tensor

    def forward(self, numbers: Tensor, is_beat: Tensor) -> Tensor:
        """Map (S, K, count) to the same shape; `is_beat` (S, K, 1) says which beats count."""
        if self.training and self.steps < _MEASURED_STEPS:
            values = numbers.detach().double()
            self.sums += torch.stack([(values**power * is_beat).sum((0, 1)) for power in (0, 1, 2)])
            self.steps += 1
        count = self.sums[0].clamp(min=1)
        mean = self.sums[1] / count
        deviation = (self.sums[2] / count - mean**2).clamp(min=0).sqrt() + 1e-2
        return (numbers - mean.to(numbers)) / deviation.to(numbers)
