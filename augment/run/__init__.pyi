from .config import RunConfig as RunConfig
from .job import HeldOutTexts as HeldOutTexts
from .job import Job as Job
from .job import plan_job as plan_job
from .journal import Journal as Journal
from .manifest import Manifest as Manifest
from .text_run import Run as Run
