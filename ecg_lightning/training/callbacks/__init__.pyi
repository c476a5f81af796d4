from .best_checkpoint import BestCheckpoint as BestCheckpoint
from .early_stopping import EarlyStopping as EarlyStopping
from .epoch_lines import EpochLines as EpochLines
from .last_checkpoint import LastCheckpoint as LastCheckpoint
from .random_shift import RandomShift as RandomShift
from .run_results import RunResults as RunResults
from .running_metrics import RunningMetrics as RunningMetrics
