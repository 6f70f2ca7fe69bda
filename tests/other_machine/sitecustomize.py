"""Take away from the three packages what only POSIX systems have. `tests/test_any_machine.py` puts this on PYTHONPATH.

Only our own code sees it: other libraries ask for the system by name and would break on one that is neither here nor
there. Python imports a module of this name at the start of every process, so worker processes see the same.
"""

from __future__ import annotations

import builtins
import mmap
import os
import signal
import sys
import time
import types

OURS = ("augment", "benchmarks", "classifiers")
MODULES = {"crypt", "curses", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
"""Modules of the standard library that Windows lacks."""
ATTRIBUTES = {
    os: "chown fchmod fchown fork forkpty getegid geteuid getgid getloadavg getpgid getuid killpg mkfifo"
    " nice O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_SYNC posix_fadvise posix_fallocate pread pwrite"
    " register_at_fork sched_getaffinity sched_setaffinity sendfile setsid statvfs sysconf uname wait wait3 wait4"
    " WNOHANG",
    signal: "alarm pause pthread_kill pthread_sigmask setitimer sigwait SIG_BLOCK SIG_SETMASK SIG_UNBLOCK SIGALRM"
    " SIGCHLD SIGHUP SIGKILL SIGQUIT SIGUSR1 SIGUSR2",
    mmap: "MADV_DONTNEED MADV_NORMAL MADV_WILLNEED MAP_ANONYMOUS MAP_PRIVATE MAP_SHARED PROT_READ PROT_WRITE",
    time: "tzset clock_gettime pthread_getcpuclockid",
}
"""Of the modules that Windows has, what they lack there."""


def _is_ours(name: object) -> bool:
    return str(name).partition(".")[0] in OURS


def _guard(module: types.ModuleType, lacking: frozenset[str]) -> None:
    """Hide attributes of a module from our own code."""

    class Guarded(types.ModuleType):
        def __getattribute__(self, name):
            if name in lacking and _is_ours(sys._getframe(1).f_globals.get("__name__")):
                raise AttributeError(f"this machine has no {module.__name__}.{name}")
            return super().__getattribute__(name)

    module.__class__ = Guarded


def _guard_imports() -> None:
    """Hide modules from our own code."""
    plain = builtins.__import__

    def guarded(name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0 and name.partition(".")[0] in MODULES and _is_ours((globals or {}).get("__name__")):
            raise ModuleNotFoundError(f"this machine has no module {name!r}", name=name)
        return plain(name, globals, locals, fromlist, level)

    builtins.__import__ = guarded


if __name__ == "sitecustomize":  # and not where pytest collects it
    for module, names in ATTRIBUTES.items():
        _guard(module, frozenset(names.split()))
    _guard_imports()
