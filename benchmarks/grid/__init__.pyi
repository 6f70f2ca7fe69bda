from .arms import Arm as Arm
from .cells import Cell as Cell
from .suite import Suite as Suite
from .tasks import Task as Task
from .tasks import TaskData as TaskData
