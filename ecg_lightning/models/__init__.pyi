from .checkpoint import read_network as read_network
from .conv2d import Conv2d as Conv2d
from .deep_conv1d import DeepConv1d as DeepConv1d
from .names import KERAS_NETWORKS as KERAS_NETWORKS
from .names import NETWORKS as NETWORKS
from .names import SHIPPED as SHIPPED
from .patient_context import PatientContext as PatientContext
from .time_depends import TimeDepends as TimeDepends
