"""What the hub tells about itself: log and metrics.

Invariant: telling never changes what happens: no call here raises for what it is given, and none waits.
"""

from hub.telemetry.log import always, configure_logging, get_logger
from hub.telemetry.metrics import Metrics, NoMetrics, Run

__all__ = ["Metrics", "NoMetrics", "Run", "always", "configure_logging", "get_logger"]
