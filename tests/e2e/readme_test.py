#!/usr/bin/env python3
"""The quick start of README.md, word for word, on two machines."""

import os
import pathlib
import re
import shutil
import tempfile
import unittest

import machines
from swarm import MEBIBYTE, program, random_bytes, sha256

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
SERVER = "tracker.example"
CLIENT = "client.example"


def quick_start():
    """The blocks of shell commands in the section "Quick start"."""
    section = re.search(r"^## Quick start\n(.*?)^## ", README.read_text(), re.MULTILINE | re.DOTALL).group(1)
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@unittest.skipIf(machines.why_unavailable(), machines.why_unavailable())
class ReadmeTest(unittest.TestCase):
    def setUp(self):
        # The names of the installed programs.
        self.programs = pathlib.Path(tempfile.mkdtemp(prefix="shoal-programs-"))
        self.addCleanup(shutil.rmtree, self.programs)
        for name in ("shoal-tracker", "shoal-seeder", "shoal-leecher"):
            os.symlink(program(name), self.programs / name)
        os.symlink(program("shoal-leecher"), self.programs / "shoal")

    def test_quick_start_on_two_machines(self):
        serve, fetch, name_content, fetch_by_file, seed = quick_start()
        with machines.Machines((SERVER, CLIENT), self.programs) as both:
            server, client = both[SERVER], both[CLIENT]
            models = server.root / "srv" / "models"
            models.mkdir()
            (models / "llama.gguf").write_bytes(random_bytes(5 * MEBIBYTE + 3, seed=1))
            wanted = sha256(models / "llama.gguf")
            copy = client.root / "home" / "llama.gguf"

            server.say(serve)
            server.expect(lambda line: "ready" in line and "contents=1" in line)

            code, output = client.run(f"set -e; ({fetch})")
            self.assertEqual(code, 0, output)
            self.assertIn("llama.gguf", output)
            self.assertEqual(sha256(copy), wanted)

            code, output = server.run(f"cd /srv/models; {name_content}")
            self.assertEqual(code, 0, output)
            copy.unlink()
            shutil.copy(models / "llama.gguf.shoal", client.root / "home")
            code, output = client.run(fetch_by_file)
            self.assertEqual(code, 0, output)
            self.assertEqual(sha256(copy), wanted)

            # It serves until it is interrupted.
            copy.unlink()
            client.say(seed.rstrip() + " & SERVING=$!")
            client.expect(lambda line: "serving" in line.lower())
            self.assertEqual(sha256(copy), wanted)
            code, output = client.run("kill -INT $SERVING; wait $SERVING")
            self.assertEqual(code, 0, output)


if __name__ == "__main__":
    unittest.main()
