#!/usr/bin/env python3
"""Commands that can't hurt, errors that name their cause, and what can be seen before and after a download."""

import json
import os
import re
import signal
import subprocess
import unittest

from swarm import MEBIBYTE, PATIENCE, Fetch, Swarm, program, random_bytes

FILES = {"ds/a.csv": b"1,2\n", "ds/sub/b.bin": random_bytes(MEBIBYTE, 1), "Model.bin": random_bytes(3 * MEBIBYTE, 2)}


class CommandsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.swarm = Swarm()
        cls.addClassCleanup(cls.swarm.__exit__)
        cls.swarm.start_seeder(cls.swarm.share("shared", FILES))
        cls.tracker = f"--tracker={cls.swarm.tracker_url}"

    def run_command(self, *arguments, **options):
        return self.swarm.leecher(*arguments, **options)

    def check(self, result, code, *words):
        output = result.stdout + result.stderr
        self.assertEqual(result.returncode, code, output)
        for word in words:
            self.assertIn(word, output)
        return result


class OutputTest(CommandsTest):
    def test_make_refuses_an_output_in_its_input(self):
        source = self.swarm.share("src", {"a": b"a", "sub/b": b"b"})
        link = self.swarm.root / "link"
        link.symlink_to(source / "sub")
        before = sorted(os.walk(source))
        for output in (source, source / "x.shoal", source / "sub" / "x.shoal", link / "x.shoal", source / "a"):
            self.check(self.run_command("make", source, "-o", output), 2, str(output))
        self.check(self.run_command("make", source / "a", "-o", source / "a"), 2, "is the same as")
        self.check(self.run_command("make", ".", cwd=source), 2, "lies in")
        self.assertEqual(sorted(os.walk(source)), before)
        self.assertEqual((source / "a").read_bytes(), b"a")

    def test_make_and_save_replace_no_other_file(self):
        folder = self.swarm.share("notes", {"notes.txt": b"mine", "input": b"x"})
        for command in (["make", folder / "input"], ["save", "ds", self.tracker]):
            self.check(self.run_command(*command, "-o", folder / "notes.txt"), 7, "notes.txt")
            self.check(self.run_command(*command, "-o", folder), 2, str(folder))
            self.check(self.run_command(*command, "-o", folder / "gone" / "x.shoal"), 3, "gone")
        self.assertEqual((folder / "notes.txt").read_bytes(), b"mine")

    def test_get_needs_a_folder(self):
        folder = self.swarm.share("no_folder", {"file": b"mine"})
        result = self.run_command("get", "ds", "Model.bin", self.tracker, "--seed=no", "-o", folder / "file")
        self.check(result, 2, "is no folder")
        self.check(self.run_command("get", "ds", self.tracker, "--seed=no", "-o", folder / "file" / "below"), 2, "is no folder")
        self.assertEqual((folder / "file").read_bytes(), b"mine")

    def test_what_is_in_the_way(self):
        folder = self.swarm.folder("in_the_way")
        (folder / "link").symlink_to("nowhere")
        self.check(self.run_command("get", "ds", self.tracker, "--seed=no", "-o", folder / "link"), 2, "a link that leads nowhere")
        os.mkfifo(folder / "Model.bin")
        result = self.check(self.run_command("get", "Model.bin", self.tracker, "--seed=no", "-o", folder), 7, "exists already")
        self.assertNotIn("--repair", result.stderr)
        result = self.check(self.run_command("get", "ds", "ds", self.tracker, "--seed=no", "-o", f"{folder}/new/"), 0, "new/ds")
        self.assertNotIn("//", result.stdout)

    def test_a_limit_of_the_length_of_files(self):
        command = ["bash", "-c", 'ulimit -f 1000; exec "$@"', "bash", program("shoal-leecher"), "get", "Model.bin", self.tracker, "--seed=no",
                   "-o", str(self.swarm.folder("short"))]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.check(result, 1, "ulimit -f")

    def test_get_may_name_the_file(self):
        folder = self.swarm.folder("named")
        for _ in range(2):  # the second finds it there
            self.check(self.run_command("get", "Model.bin", self.tracker, "--seed=no", "-o", folder / "new.bin"), 0, str(folder / "new.bin"))
            self.assertEqual((folder / "new.bin").read_bytes(), FILES["Model.bin"])
        self.assertEqual(os.listdir(folder), ["new.bin"])
        (folder / "other").write_bytes(b"mine")
        self.check(self.run_command("get", "Model.bin", self.tracker, "--seed=no", "-o", folder / "other"), 7, str(folder / "other"))
        self.assertEqual((folder / "other").read_bytes(), b"mine")
        self.check(self.run_command("get", "Model.bin", self.tracker, "--seed=no", "-o", folder / "sub"), 0)
        self.assertEqual((folder / "sub" / "Model.bin").read_bytes(), FILES["Model.bin"])
        saved = self.swarm.root / "Model.shoal"
        self.check(self.run_command("save", "Model.bin", self.tracker, "-o", saved), 0)
        self.check(self.run_command("get", saved, "--seed=no", "-o", saved), 2, "is the same as")

    def test_a_renamed_file_is_served(self):
        folder = self.swarm.folder("renamed")
        with Swarm() as swarm:
            seeder = swarm.start_seeder(self.swarm.share("one", {"one.bin": random_bytes(2 * MEBIBYTE, 9)}))
            first = swarm.keep(Fetch("one.bin", f"--tracker={swarm.tracker_url}", f"--output={folder / 'first.bin'}",
                                     "--listen=127.0.0.1:0", "--advertise=127.0.0.1", "--seed"))
            first.expect(r'"event": ?"serving".*"trackers_told": ?1')
            seeder.stop()
            finished = swarm.fetch("one.bin", "second").finish()
            self.assertTrue(finished["ok"], finished)
            self.assertEqual((swarm.root / "second" / "one.bin").read_bytes(), (folder / "first.bin").read_bytes())

    def test_state_paths_are_checked_at_the_start(self):
        folder = self.swarm.share("states", {"file": b"mine", "share/x": b"x"})

        def start(name, *flags):
            return subprocess.run([program(name), *flags], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                                  check=False)

        tracker = ("--grpc=127.0.0.1:0", "--udp=none", "--http=none")
        for state in (folder, folder / "file", folder / "gone" / "state", "/dev/full"):
            self.check(start("shoal-tracker", *tracker, f"--state={state}"), 2, "--state", str(state))
        self.assertEqual((folder / "file").read_bytes(), b"mine")
        seeder = (self.tracker, f"--share={folder / 'share'}", "--listen=127.0.0.1:0")
        for state in (folder / "file", folder / "file" / "below", folder / "share", folder / "share" / "state", folder):
            self.check(start("shoal-seeder", *seeder, f"--state={state}"), 2, "--state", str(folder))
        self.assertEqual(sorted(os.listdir(folder / "share")), ["x"])


class CauseTest(CommandsTest):
    def test_impossible_names_end_at_once(self):
        nowhere = "--tracker=127.0.0.1:1"
        self.check(self.run_command("get", "ds/a.csv", nowhere, "--wait=forever"), 2, "get ds --include='a.csv'")
        self.check(self.run_command("get", b"caf\xe9".decode("utf-8", "surrogateescape"), nowhere, "--wait=forever"), 2, "caf\\xe9")
        self.check(self.run_command("info", "x" * 300, nowhere), 2, "300 bytes")
        self.check(self.run_command("save", "a/b", nowhere), 2, "more than one part")

    def test_a_tracker_that_answers_with_an_error_is_not_away(self):
        seeder = self.swarm.start_seeder(self.swarm.share("health", {"h": b"h"}), "--grpc=127.0.0.1:0")
        port = seeder.expect(r"grpc_port=(\d+)").group(1)
        result = self.run_command("get", "h", f"--tracker=127.0.0.1:{port}", "--listen=none", "--seed=no", "--wait=1s", "--json", "-o",
                                  self.swarm.folder("no_tracker"))
        self.check(result, 1, "does not implement this call")
        events = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([event["state"] for event in events if event["event"] == "tracker"], ["refusing"])
        self.assertEqual(events[-1]["error"]["cause"], "tracker_refused")
        self.assertNotIn(" away", result.stdout + result.stderr)
        self.check(self.run_command("list", f"--tracker=127.0.0.1:{port}"), 1, "refuses")

    def test_a_target_in_use_is_no_ambiguous_name(self):
        first = self.swarm.fetch("Model.bin", "in_use", "--limit-down=64KiB")
        first.expect(r'"event": ?"start"')
        second = self.swarm.fetch("Model.bin", "in_use")
        finished = second.finish()
        self.assertEqual((finished["exit_code"], finished["candidates"]), (1, []), finished)
        self.assertNotIn("have this name", "\n".join(second.lines))
        first.stop(signal.SIGKILL)

    def test_json_names_the_cause(self):
        result = self.run_command("get", "nothing", self.tracker, "--listen=none", "--seed=no", "--wait=1s", "--json")
        self.check(result, 3)
        self.assertEqual(json.loads(result.stdout.splitlines()[-1])["error"]["cause"], "unknown_content")

    def test_output_that_cannot_be_written_is_a_failure(self):
        commands = (["list", self.tracker, "--json"], ["info", "ds", self.tracker, "--json"], ["list", self.tracker], ["--version"],
                    ["get", "ds", self.tracker, "--listen=none", "--seed=no", "--json", "-o", self.swarm.folder("full")])
        for command in commands:
            command = [program("shoal-leecher"), *map(str, command)]
            with open("/dev/full", "w", encoding="utf-8") as full:
                result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
            self.assertEqual(result.returncode, 1, (command, result.stderr))
            closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                    timeout=PATIENCE, check=False)
            self.assertEqual(closed.returncode, 1, (command, closed.stderr))
        self.assertEqual((self.swarm.root / "full" / "ds" / "a.csv").read_bytes(), FILES["ds/a.csv"])


    def test_a_reader_of_objects_that_is_gone_ends_the_command(self):
        waiting = ["get", "nothing", self.tracker, "--listen=none", "--seed=no", "--json", "--wait=forever"]
        serving = ["seed", self.swarm.share("read", {"file": b"x"}) / "file", self.tracker, "--listen=127.0.0.1:0", "--json"]
        for command in (waiting, serving):
            process = subprocess.Popen([program("shoal-leecher"), *map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)
            with process:
                process.stdout.readline()
                process.stdout.close()
                self.assertNotEqual(process.wait(PATIENCE), 0, command)


class WordsTest(CommandsTest):
    def test_unknown_words_suggest_the_nearest(self):
        self.check(self.run_command("lsit"), 2, "did you mean 'list'?")
        self.check(self.run_command("get", "x", "--trakcer=y"), 2, "did you mean --tracker?")
        for name, flag, meant in (("shoal-tracker", "--stat=x", "--state"), ("shoal-seeder", "--shares=x", "--share")):
            result = subprocess.run([program(name), flag], capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.check(result, 2, f"did you mean {meant}?")

    def test_list_ignores_case_and_says_what_did_not_match(self):
        self.check(self.run_command("list", "mODEL", self.tracker), 0, "Model.bin")
        self.check(self.run_command("list", "nothing like it", self.tracker), 0, "no content has 'nothing like it' in its name")
        self.assertEqual(self.run_command("list", "nothing", self.tracker, "--json").stdout, "")

    def test_help_fits_the_terminal(self):
        for name, command in (("shoal-leecher", ["get"]), ("shoal-leecher", []), ("shoal-tracker", []), ("shoal-seeder", [])):
            for columns in (40, 72, 100):
                result = subprocess.run([program(name), *command, "--help"], capture_output=True, text=True, timeout=PATIENCE, check=False,
                                        env={**os.environ, "COLUMNS": str(columns)})
                self.check(result, 0, "Examples:", "Exit codes:")
                self.assertLessEqual(max(map(len, result.stdout.splitlines())), columns, result.stdout)

    def test_the_program_answers_to_its_short_name(self):
        shoal = self.swarm.root / "shoal"
        shoal.symlink_to(program("shoal-leecher"))
        for words in (["--version"], ["get", "--help"], ["get", "--no-such"], ["info", "nothing", self.tracker]):
            result = subprocess.run([shoal, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.assertRegex(result.stdout + result.stderr, r"(?m)(^|\s)shoal[ :]")
            self.assertNotIn("shoal-leecher", result.stdout + result.stderr)

    def test_flags_as_data(self):
        for name, flag in (("shoal-leecher", "--version"), ("shoal-tracker", "--state"), ("shoal-seeder", "--share")):
            result = subprocess.run([program(name), "--dump-flags"], capture_output=True, text=True, timeout=PATIENCE, check=False)
            data = json.loads(result.stdout)
            self.assertEqual(data["program"], name)
            self.assertIn(flag, [known for entry in data["flags"] for known in entry["names"]])
        commands = json.loads(self.run_command("--dump-flags").stdout)["commands"]
        self.assertEqual([command["name"] for command in commands],
                         ["get", "list", "info", "make", "save", "seed", "key", "serve", "certs", "token", "status", "add", "pause",
                          "resume", "remove", "verify", "priority", "limit", "pin", "unpin", "follow", "unfollow", "top"])


class LookingTest(CommandsTest):
    def test_info_shows_the_files_of_a_name(self):
        result = self.check(self.run_command("info", "ds", self.tracker), 0, "a.csv", "sub/b.bin", "1 seeder")
        self.assertTrue(re.search(r"sub/b\.bin\s+1\.00 MiB", result.stdout), result.stdout)
        info = json.loads(self.run_command("info", "ds", self.tracker, "--json").stdout)
        self.assertEqual({file["path"]: file["length_bytes"] for file in info["file_list"]}, {"a.csv": 4, "sub/b.bin": MEBIBYTE})

    def test_save_writes_a_shoal_file(self):
        saved = self.swarm.root / "saved.shoal"
        self.check(self.run_command("save", "ds", self.tracker, "-o", saved), 0, str(saved))
        self.check(self.run_command("info", saved), 0, "sub/b.bin", self.swarm.tracker_url)
        copy = self.swarm.folder("saved_copy")
        self.check(self.run_command("get", saved, "--seed=no", "-o", copy), 0)
        self.assertEqual((copy / "ds" / "sub" / "b.bin").read_bytes(), FILES["ds/sub/b.bin"])
        self.check(self.run_command("save", "nothing", self.tracker, "--wait=1s", "-o", saved), 3)

    def test_dry_run_fetches_no_file(self):
        copy = self.swarm.folder("dry")
        self.check(self.run_command("get", "ds", self.tracker, "--dry-run", "--include=*.csv", "-o", copy), 0, "4 B in 1 file", "a.csv",
                   str(copy / "ds"))
        result = self.check(self.run_command("get", "ds", self.tracker, "--dry-run", "--json", "-o", copy), 0)
        event = json.loads(result.stdout)
        self.assertEqual((event["event"], event["wanted_files"], event["target_exists"]), ("dry_run", 2, False))
        self.check(self.run_command("get", "ds", self.tracker, "--dry-run", "--include=none", "-o", copy), 2)
        self.check(self.run_command("get", "nothing", self.tracker, "--dry-run", "--wait=1s", "-o", copy), 3)
        self.assertEqual(os.listdir(copy), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
