"""Metrics against scikit-learn, part by part and as the Trainer reports them."""

import lightning
import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ecg_lightning.training.callbacks.running_metrics import RunningMetrics
from ecg_lightning.training.classifier import BeatClassifier
from tests.parity.comparison import Comparison

pytestmark = pytest.mark.parity

ALL = list(range(5))


def predictions(count: int = 1_003) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, 5), mostly right, and unbalanced classes (N,); class 3 never occurs."""
    generator = np.random.default_rng(0)
    classes = generator.choice(5, count, p=[0.7, 0.1, 0.15, 0.0, 0.05])
    return generator.standard_normal((count, 5)) + 2 * np.eye(5)[classes], classes


@pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*GPU available but not used",
    "ignore:.*LeafSpec:FutureWarning",  # Lightning 2.6's own use of torch
)
def test_what_the_trainer_reports(compare: Comparison) -> None:
    logits, classes = predictions()
    data = TensorDataset(torch.from_numpy(logits)[:, None], torch.from_numpy(classes))
    classifier = BeatClassifier(nn.Flatten()).double()
    trainer = lightning.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.test(
        classifier, DataLoader(data, batch_size=32), verbose=False
    )  # 1,003 beats: the last batch is short
    running = RunningMetrics.of(trainer)
    assert running is not None
    probabilities = torch.from_numpy(logits).softmax(-1).numpy()
    expected = metrics.confusion_matrix(classes, logits.argmax(1), labels=ALL)
    compare(
        "confusion matrix",
        expected,
        running.confusion["test"].numpy(),
        dtype="int64",
        case="Trainer",
    )
    loss = metrics.log_loss(classes, probabilities, labels=ALL)
    compare("mean loss of a part", loss, running.mean_loss["test"], dtype="float32", case="Trainer")
    accuracy = metrics.accuracy_score(classes, logits.argmax(1))
    logged = float(trainer.callback_metrics["test_accuracy"])
    compare("accuracy that the Trainer logs", accuracy, logged, dtype="float32", case="Trainer")
