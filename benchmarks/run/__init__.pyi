from .suite_run import SuiteRun as SuiteRun
from .suite_run import plan_suite as plan_suite
from .suite_run import run_suite as run_suite
