"""The figures of the process itself."""

import os
import resource
from pathlib import Path

from sidecar.ops.process import usage


def test_the_figures_are_those_of_this_process():
    used = usage()
    assert 1_000_000 < used.resident_bytes < resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 * 2
    assert 0 < used.cpu_seconds <= sum(os.times()[:2]) + 1
    assert used.max_fds == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_an_open_file_is_counted(tmp_path):
    before = usage().open_fds
    with (tmp_path / "file").open("w"):
        after = usage().open_fds
    if before is not None and after is not None:  # kernels from 6.2 on
        assert after == before + 1 <= len(list(Path("/proc/self/fd").iterdir())) + 1
