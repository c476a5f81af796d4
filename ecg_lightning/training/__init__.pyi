from .checkpoints import AtomicCheckpoints as AtomicCheckpoints
from .checkpoints import checkpoint_path as checkpoint_path
from .checkpoints import write_checkpoint as write_checkpoint
from .classifier import BeatClassifier as BeatClassifier
from .keras_adam import KerasAdam as KerasAdam
from .losses import CrossEntropy as CrossEntropy
from .losses import FocalLoss as FocalLoss
from .run import Run as Run
