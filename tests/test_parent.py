"""What a test starts ends with it, however the tests end: of a suite that was interrupted, three studios were still
running half an hour later."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.running import ROOT
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="other systems have nothing like it"),
    pytest.mark.slow,
]
PR_GET_PDEATHSIG = 2  # of prctl(2)
# As our own suite does: workers are tied to pytest, studios and browsers to workers. What stands in for the studio
# serves a folder, which takes no seconds to start.
SUITE = """
import os, signal, threading
from pathlib import Path
from tests.browser.conftest import chromium
from tests.parent import end_with_parent
from tests.running import running_studio

end_with_parent(os.getppid(), signal.SIGKILL)
SERVER = "import os; from http.server import *; ThreadingHTTPServer(('', int(os.environ['STUDIO_PORT'])), "
SERVER += "SimpleHTTPRequestHandler).serve_forever()"

def test_that_goes_on(chromium, tmp_path):
    with running_studio(tmp_path, program=("-c", SERVER)):
        Path(__file__).with_name("started").touch()
        threading.Event().wait()
"""


def test_a_worker_is_killed_with_its_pytest() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("this is no worker")
    by = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(by))
    assert by.value == signal.SIGKILL


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda by: by.name)
def test_tests_that_are_interrupted_leave_nothing_running(by: signal.Signals, tmp_path: Path) -> None:
    """Ctrl+C goes to all of a terminal's processes, other signals to pytest alone."""
    (tmp_path / "test_suite.py").write_text(SUITE)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n1",
        "-p",
        "no:cacheprovider",
        "--basetemp",
        tmp_path / "base",
        tmp_path,
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with (tmp_path / "log").open("w") as log:
        tests = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_until(lambda: (tmp_path / "started").exists() or tests.poll() is not None, "the suite")
            assert tests.poll() is None, (tmp_path / "log").read_text()
            started = psutil.Process(tests.pid).children(recursive=True)
            names = {" ".join(process.cmdline()) for process in started}
            for kind in ("http.server", "chrom", "playwright"):
                assert any(kind in name for name in names), f"{kind}: {names}"
            os.killpg(tests.pid, by) if by is signal.SIGINT else tests.send_signal(by)
            tests.wait(60)
        finally:
            tests.kill()
            tests.wait()
    _, alive = psutil.wait_procs(started, timeout=60)
    assert [process.name() for process in alive] == []
