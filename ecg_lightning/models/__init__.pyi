from .checkpoint import read_network as read_network
from .conv2d import Conv2d as Conv2d
from .deep_conv1d import DeepConv1d as DeepConv1d
from .names import NETWORKS as NETWORKS
from .names import SHIPPED as SHIPPED
from .time_depends import TimeDepends as TimeDepends
