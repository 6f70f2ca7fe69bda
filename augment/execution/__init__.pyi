from .choice import Execution as Execution
from .choice import Ray as Ray
from .executor import Done as Done
from .executor import Executor as Executor
from .executor import Work as Work
from .executor import WorkerDied as WorkerDied
from .executor import in_order as in_order
from .processes import Processes as Processes
