from .config import RunConfig as RunConfig
from .job import HeldOut as HeldOut
from .job import Job as Job
from .job import plan_job as plan_job
from .journal import Journal as Journal
from .manifest import Manifest as Manifest
from .text_run import Run as Run
