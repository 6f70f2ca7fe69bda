from .splits import Split as Split
from .splits import TrainingData as TrainingData
from .splits import near_copies as near_copies
from .splits import training_data as training_data
from .synthesis import Synthesis as Synthesis
