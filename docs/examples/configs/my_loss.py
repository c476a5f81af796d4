"""Your own loss, for own_loss.yaml."""

from torch import Tensor, nn
from torch.nn import functional as F


class PolyLoss(nn.Module):
    """Cross-entropy plus epsilon times the probability of the other classes.

    Source: Z. Leng et al., "PolyLoss: a polynomial expansion perspective of classification loss
    functions", ICLR 2022.
    """

    def __init__(self, epsilon: float = 1.0) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss (B,) of each beat, of logits (B, 5) and class indices (B,)."""
        p = logits.softmax(-1).gather(-1, labels[:, None])[:, 0]
        return F.cross_entropy(logits, labels, reduction="none") + self.epsilon * (1 - p)
