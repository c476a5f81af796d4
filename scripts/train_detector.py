"""Train the beat detectors that come with the package, for the maintainers.

    python scripts/train_detector.py --mitdb MITDB --svdb SVDB --noise NOISE --seed 0 --output DIR

It writes three files:

- beat_detector.safetensors: trained on all 48 records of MIT-BIH.
- beat_detector_ds1.safetensors: trained on DS1, for the records of DS2.
- beat_detector_ds2.safetensors: trained on DS2, for the records of DS1.

201 (in DS1) and 202 (in DS2) are of one patient and train neither of the last two. The paced
records train neither of them: they are judged by the mean of both. SVDB trains none of the three,
so that its records are unknown to all of them; its marks are no finer than 8 ms. With `--svdb` each
new detector finds the beats of its records, and the errors are printed.

The first half of each record of noise makes pieces of the training harder. `--inner ds1` trains on
every other record of DS1 and counts the errors on the records between them, for several thresholds:
settings and thresholds were chosen in this way, for each side by its own records.
"""

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from detection_scores import gross, scored
from detector_records import CROSSWISE, DetectorRecord, errors_by_threshold, read_all, read_noises
from detector_records import targets as targets_of
from detector_records import waves as waves_of
from kept_beats import Beats, Case, read_case
from our_detectors import find_beats
from torch import Tensor
from torch.nn import functional as F

from ecg_lightning import __version__
from ecg_lightning.arrays import Floats32
from ecg_lightning.models.beat_detector import FS_HZ, BeatDetector
from ecg_lightning.models.detector_weights import (
    DetectorDescription,
    detector_bytes,
)
from ecg_lightning.models.names import SHIPPED_DETECTORS
from ecg_lightning.records.mitdb import MITDB_RECORDS
from ecg_lightning.system.atomic_files import write_output

# The power of a scaled lead as WFDB's `nst` defines it: the square of the size of its QRS complexes
# from peak to peak, over 8.
SIGNAL_POWER = 1.4**2 / 8
THRESHOLDS = {"BeatDetector": 0.3, "BeatDetector-ds1": 0.25, "BeatDetector-ds2": 0.35}
RECORDS = {
    "BeatDetector": tuple(sorted(MITDB_RECORDS)),
    "BeatDetector-ds1": CROSSWISE["ds1"],
    "BeatDetector-ds2": CROSSWISE["ds2"],
}
LOG_STEPS = 200
# What is removed with a beat, in seconds from its R peak: from the QRS or the P wave on, to the
# end of the T wave, or so long before the next beat; the edges are slopes.
BLOCKED_S, NOTHING_S, T_END_S, NEXT_S, SHORTEST_S, EDGE_S = -0.11, -0.3, 0.48, 0.3, 0.12, 0.03


@dataclass(frozen=True)
class TrainingSettings:
    """How a detector is trained.

    Attributes:
        passes: How often as many samples are drawn as the records have.
        channels: Of the network.
        batch: Pieces in each step.
        piece_samples: The length of a piece.
        rate: The highest learning rate; one cycle.
        weight_decay: Of AdamW.
        averaging: The share that the running average of the weights keeps in each step.
        gain: The standard deviation of the logarithm of a lead's gain.
        waves: The share of leads whose waves get another size.
        p_gain: The mean and the standard deviation of the logarithm of the P waves' gain.
        t_gain: Those of the T waves.
        qrs_loss: The largest share that QRS complexes lose.
        pauses: The share of pieces of which beats are removed.
        removed: The largest share of beats that are removed of such a piece.
        inverted: The share of leads that are turned upside down.
        noisy: The share of leads with added noise of a record of noise.
        snr_db: The lowest and the highest signal-to-noise ratio.
        white: The share of leads with added white noise, of at most `white_size`.
        white_size: In sizes of a beat.
        dead: The share of pieces of which one lead is noise or nothing.
        width_samples: The standard deviation of the target around a beat.
        beat_weight: The weight of a beat's samples against others.
        lead_weights: The weights of the losses of the first lead alone and of the second.
        pair_weight: The weight of the loss of both leads together.
    """

    passes: float = 6
    channels: int = 24
    batch: int = 16
    piece_samples: int = 2400
    rate: float = 4e-3
    weight_decay: float = 1e-2
    averaging: float = 0.99
    gain: float = 0.4
    waves: float = 0.4
    p_gain: tuple[float, float] = (0.2, 0.8)
    t_gain: tuple[float, float] = (0.0, 0.5)
    qrs_loss: float = 0.6
    pauses: float = 0.25
    removed: float = 0.4
    inverted: float = 0.2
    noisy: float = 0.5
    snr_db: tuple[float, float] = (-3.0, 24.0)
    white: float = 0.5
    white_size: float = 0.12
    dead: float = 0.1
    width_samples: float = 2.0
    beat_weight: float = 3.0
    lead_weights: tuple[float, float] = (1.0, 0.5)
    pair_weight: float = 0.5


class Batch:
    """Pieces of B records.

    Attributes:
        leads: (B, 2, T).
        targets: (B, T) from 0 to 1.
        counted: (B, T) 1 where a sample counts, else 0.
        usable: (B, 2) 1 where a lead has a signal, else 0.
    """

    def __init__(self, pieces: Sequence[tuple[Floats32, Floats32, Floats32, Floats32]]) -> None:
        columns = zip(*pieces, strict=True)
        self.leads, self.targets, self.counted, self.usable = (
            torch.from_numpy(np.stack(column)) for column in columns
        )


class Pieces:
    """Draws pieces of records, and makes them harder.

    Args:
        records: Of two leads each.
        noises: Noise (2, T) of an RMS of 1 each.
        settings: How often and how much.
        seed: Of what is drawn.
    """

    def __init__(
        self,
        records: Sequence[DetectorRecord],
        noises: Sequence[Floats32],
        settings: TrainingSettings,
        seed: int,
    ) -> None:
        self.records, self.noises, self.settings = records, noises, settings
        self.targets = [targets_of(record, settings.width_samples) for record in records]
        self.waves = [waves_of(record) for record in records]
        self.rng = np.random.default_rng(seed)

    def batch(self) -> Batch:
        """Draw a batch."""
        return Batch([self._piece() for _ in range(self.settings.batch)])

    def _piece(self) -> tuple[Floats32, Floats32, Floats32, Floats32]:
        index = int(self.rng.integers(len(self.records)))
        record, samples = self.records[index], self.settings.piece_samples
        start = int(self.rng.integers(record.leads.shape[1] - samples))
        piece = slice(start, start + samples)
        leads = self._other_waves(record.leads[:2, piece], self.waves[index][:, piece])
        kept = self._without_beats(record, start)
        leads, usable = self._harder(leads * kept)
        target = self.targets[index][piece] * kept
        return leads, target, record.counted[piece].astype(np.float32), usable

    def _other_waves(self, leads: Floats32, waves: Floats32) -> Floats32:
        """Leads (2, T) with larger or smaller P and T waves, and smaller QRS complexes."""
        rng, s = self.rng, self.settings
        leads = leads.copy()
        for lead in leads:
            if rng.random() < s.waves:
                p, t = (np.exp(rng.normal(*gain)) for gain in (s.p_gain, s.t_gain))
                changes = np.array([p - 1, -rng.uniform(0, s.qrs_loss), t - 1], np.float32)
                lead *= 1 + changes @ waves
        return leads

    def _without_beats(self, record: DetectorRecord, start: int) -> Floats32:
        """(T,) 0 where a beat is removed, as in a pause; its P wave stays or goes with it."""
        rng, s = self.rng, self.settings
        kept = np.ones(s.piece_samples, np.float32)
        if rng.random() >= s.pauses:
            return kept
        share, places = rng.uniform(0, s.removed), np.arange(s.piece_samples)
        first, last = np.searchsorted(record.beats, [start, start + s.piece_samples])
        for i in range(first, min(last, len(record.beats) - 1)):
            if rng.random() < share:
                from_s = rng.choice([BLOCKED_S, NOTHING_S])
                next_s = (record.beats[i + 1] - record.beats[i]) / FS_HZ
                to_s = max(SHORTEST_S, min(T_END_S, next_s - NEXT_S))
                from_beat_s = (places + start - record.beats[i]) / FS_HZ
                inside = np.minimum(from_beat_s - from_s, to_s - from_beat_s) / EDGE_S
                kept *= 1 - np.clip(inside, 0, 1)
        return kept

    def _harder(self, leads: Floats32) -> tuple[Floats32, Floats32]:
        """Leads (2, T) with another gain and noise, and which of them have a signal, (2,)."""
        rng, s, samples = self.rng, self.settings, leads.shape[1]
        gains = np.exp(rng.normal(0, s.gain, (2, 1))) * np.where(
            rng.random((2, 1)) < s.inverted, -1, 1
        )
        leads, usable = (leads * gains).astype(np.float32), np.ones(2, np.float32)
        for lead in leads:
            if rng.random() < s.noisy:
                lead += self._noise(samples)
            if rng.random() < s.white:
                lead += rng.uniform(0, s.white_size) * rng.standard_normal(samples)
        if rng.random() < s.dead:
            dead = int(rng.integers(2))
            leads[dead] = self._noise(samples) if rng.random() < 0.5 else 0
            usable[dead] = 0
        return leads, usable

    def _noise(self, samples: int) -> Floats32:
        """A piece of noise (T,) at some signal-to-noise ratio."""
        rng = self.rng
        noise = self.noises[int(rng.integers(len(self.noises)))]
        lead = noise[rng.integers(len(noise))]
        start = int(rng.integers(len(lead) - samples))
        power = SIGNAL_POWER / 10 ** (rng.uniform(*self.settings.snr_db) / 10)
        return lead[start : start + samples] * np.float32(math.sqrt(power) * rng.choice([-1, 1]))


def train(
    records: Sequence[DetectorRecord],
    noises: Sequence[Floats32],
    settings: TrainingSettings,
    seed: int,
) -> BeatDetector:
    """Train a detector; return the average of its weights, in evaluation mode."""
    torch.manual_seed(seed)
    detector, average = BeatDetector(settings.channels), BeatDetector(settings.channels)
    average.load_state_dict(detector.state_dict())
    pieces, losses, start = Pieces(records, noises, settings, seed), [], time.monotonic()
    samples = sum(record.leads.shape[1] for record in records)
    steps = round(settings.passes * samples / settings.piece_samples / settings.batch)
    optimizer = torch.optim.AdamW(
        detector.parameters(), settings.rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=steps)
    for step in range(1, steps + 1):
        loss = loss_of(detector, pieces.batch(), settings)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        average_into(average, detector, min(settings.averaging, step / (step + 9)))
        losses.append(loss.item())
        if step % LOG_STEPS == 0 or step == steps:
            mean, seconds = np.mean(losses[-LOG_STEPS:]), time.monotonic() - start
            print(f"step {step} of {steps}: loss {mean:.4f}, {seconds:.0f} s", flush=True)
    return average.eval()


def loss_of(detector: BeatDetector, batch: Batch, settings: TrainingSettings) -> Tensor:
    """Return the loss of each lead alone and of both together."""
    features = detector.features(batch.leads)
    alone = torch.cat([features[:, :1], features[:, 1:]])
    logits = torch.cat([detector.joined(alone), detector.joined(features)])
    weights = [batch.usable[:, lead] * settings.lead_weights[lead] for lead in range(2)]
    weights.append(torch.full((len(batch.leads),), settings.pair_weight))
    weight = torch.cat(weights)[:, None] * batch.counted.repeat(3, 1)
    losses = F.binary_cross_entropy_with_logits(
        logits,
        batch.targets.repeat(3, 1),
        weight,
        reduction="sum",
        pos_weight=torch.tensor(settings.beat_weight),
    )
    return losses / weight.sum()


@torch.no_grad()
def average_into(average: BeatDetector, detector: BeatDetector, share: float) -> None:
    """Keep a share of the average, and take the rest from the detector."""
    states = zip(average.state_dict().values(), detector.state_dict().values(), strict=True)
    for mean, value in states:
        if mean.is_floating_point():
            mean.lerp_(value, 1 - share)
        else:
            mean.copy_(value)


def inner(records: Sequence[DetectorRecord], noises: Sequence[Floats32], seed: int) -> None:
    """Train on every other record, and print the errors on the records between them."""
    detector = train(records[::2], noises, TrainingSettings(), seed)
    for n_leads in (1, 2):
        for threshold, (missed, false) in errors_by_threshold(
            detector, records[1::2], n_leads
        ).items():
            print(f"{n_leads} leads, threshold {threshold}: {missed} missed, {false} false")


def written(detector: BeatDetector, name: str, seed: int, output: Path) -> Path:
    """Write the file of a detector."""
    detector.threshold = THRESHOLDS[name]
    records = tuple(f"mitdb/{record}" for record in RECORDS[name])
    description = DetectorDescription(
        name,
        __version__,
        detector.channels,
        detector.threshold,
        FS_HZ,
        records,
        seed,
        date.today().isoformat(),
    )
    path = output / SHIPPED_DETECTORS[name]
    write_output(path, detector_bytes(detector, description))
    return path


def on_svdb(weights: Path, folder: Path) -> str:
    """Return how well a new detector finds the beats of SVDB, on one lead and on two."""
    lines = []
    for n_leads in (1, 2):
        scores = []
        for header in sorted(folder.glob("*.hea")):
            signals = read_case(Case(folder, header.stem), None)
            beats = Beats(find_beats(str(weights), signals.leads[:n_leads], signals.fs_hz), 0, 0)
            scores.append(scored(signals, beats, start_s=0.0, flutter=False))
        total = gross(scores)
        lines.append(
            f"SVDB, {n_leads} of 2 leads: {len(scores)} records, Se {total.sensitivity:.2%}, "
            f"+P {total.predictivity:.2%}"
        )
    return "\n".join(lines)


def main() -> None:
    """Train one or all of the detectors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mitdb", type=Path, required=True)
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument(
        "--svdb", type=Path, help="SVDB, which trains nothing: print the errors on it"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path())
    parser.add_argument("--only", choices=SHIPPED_DETECTORS, help="train this one alone")
    parser.add_argument("--inner", choices=CROSSWISE, help="choose settings on one side; no file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    noises = read_noises(args.noise)
    if args.inner:
        inner(read_all(args.mitdb, CROSSWISE[args.inner]), noises, args.seed)
        return
    for name in [args.only] if args.only else SHIPPED_DETECTORS:
        records = read_all(args.mitdb, RECORDS[name])
        detector = train(records, noises, TrainingSettings(), args.seed)
        path = written(detector, name, args.seed, args.output)
        print(path, flush=True)
        if args.svdb:
            print(on_svdb(path, args.svdb), flush=True)


if __name__ == "__main__":
    main()
