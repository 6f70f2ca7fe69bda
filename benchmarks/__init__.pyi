from .run.suite_run import SuiteRun as SuiteRun
from .run.suite_run import plan_suite as plan_suite
from .run.suite_run import run_suite as run_suite
