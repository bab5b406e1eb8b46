"""configuration.json edited while the hub runs: `watch` sees and tells, `edit` puts in force."""

from hub.reload.edit import Edit, follow, prepare
from hub.reload.watch import Reload, Reloader

__all__ = ["Edit", "Reload", "Reloader", "follow", "prepare"]
