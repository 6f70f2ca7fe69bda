from .history import History as History
from .result import TrainResult as TrainResult
from .run import train as train
