"""The record of where a cell was measured, and the threads of each process."""

from __future__ import annotations

import os

import torch

from benchmarks.run.environment import threads_of


def test_processes_share_the_cores_and_keep_to_the_threads_that_were_allowed():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(10_000)
        cores = os.cpu_count() or 1
        assert [threads_of(jobs) for jobs in (1, cores, 2 * cores)] == [cores, 1, 1]
        torch.set_num_threads(1)  # as `OMP_NUM_THREADS=1` does
        assert threads_of(1) == 1
    finally:
        torch.set_num_threads(before)
