"""Where a benchmark of the programs finds what it needs: the modules of the end-to-end tests, the released programs (unless
SHOAL_PROGRAMS names others), and a temporary folder in memory, so that no disk is measured. Imported before those modules.
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
