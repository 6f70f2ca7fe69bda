from .redrawn import Redrawn as Redrawn
from .trainer_callback import NewRowsEachEpoch as NewRowsEachEpoch
