"""Sets up a benchmark of the programs: the path to the modules of the end-to-end tests, the release build's programs (unless
SHOAL_PROGRAMS names others), and a temporary folder in memory, so that no disk is measured. Import it before those modules.
"""

import os
import pathlib
import sys
import tempfile

_ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

sys.path.insert(0, str(_ROOT / "tests" / "e2e"))
os.environ.setdefault("SHOAL_PROGRAMS", str(_ROOT / "build" / "release" / "bin"))
if pathlib.Path("/dev/shm").is_dir():
    tempfile.tempdir = "/dev/shm"
