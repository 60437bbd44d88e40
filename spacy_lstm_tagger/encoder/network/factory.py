"""The dtype and the device that parameters are made with."""

from typing import Any, Dict

import torch

# torch's defaults are for the whole process, and anybody may have set others. A module
# goes to another device afterwards, as a whole.
FACTORY: Dict[str, Any] = {"device": torch.device("cpu"), "dtype": torch.float32}
