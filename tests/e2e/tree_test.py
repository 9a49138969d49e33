#!/usr/bin/env python3
"""A folder arrives as it was: everything that is odd about a tree is equal at the other end, or named as left out."""

import hashlib
import json
import os
import socket
import stat
import unittest

from swarm import MEBIBYTE, Swarm, random_bytes

NOT_UTF8 = b"not-utf8-\xff"


def describe(folder):
    """What lstat says of everything below `folder`: path (bytes) -> kind, and what must be equal.

    Of a file its bytes, length and whether its owner may execute it; of a link its text.
    """
    found = {}
    folder = os.fsencode(str(folder))
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(where, name)
            info = os.lstat(path)
            if stat.S_ISLNK(info.st_mode):
                what = ("link", os.readlink(path))
            elif stat.S_ISDIR(info.st_mode):
                what = ("folder",)
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
                what = ("file", info.st_size, bool(info.st_mode & stat.S_IXUSR), digest)
            else:
                what = ("other", stat.S_IFMT(info.st_mode))
            found[os.path.relpath(path, folder)] = what
    return found


def plant(tree, outside):
    """Fills `tree` with odd things. Returns the paths that can't be sent."""
    def write(path, content=b"x", mode=0o644):
        target = os.path.join(os.fsencode(str(tree)), os.fsencode(path))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
        os.chmod(target, mode)

    def link(text, path):
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(text, target)

    write("plain", random_bytes(3 * MEBIBYTE + 1, 1))
    write(".hidden")
    write(".git/objects/0a/b1")
    write("empty file", b"")
    write("bin/run", b"#!/bin/sh\n", 0o755)
    write("Größe 鯛🐟 .txt")
    write("new\nline")
    write(NOT_UTF8)
    write("n" * 255)
    write("metadata.shoal", b"not really")
    write("deep/" * 40 + "end")
    (tree / "void").mkdir()
    (tree / "voids/in/voids").mkdir(parents=True)
    os.link(tree / "plain", tree / "hard link")
    with open(tree / "sparse", "wb") as sparse:
        sparse.write(b"begin")
        sparse.seek(8 * MEBIBYTE)
        sparse.write(b"middle")
        sparse.truncate(16 * MEBIBYTE)
    link("plain", "link to a file")
    link("bin", "link to a folder")
    link("../bin/./run", "links/up and down")
    link("../links", "links/around")
    link("nothing", "links/to nothing")
    link("link to a file", "link to a link")
    link("..", "links/up")

    left_out = {}
    link(str(outside), "link to the outside")
    left_out["link to the outside"] = "absolute"
    link(str(tree / "plain"), "absolute link inside")
    left_out["absolute link inside"] = "absolute"
    link("../outside/secret", "relative link outside")
    left_out["relative link outside"] = "leads out"
    link("link to the outside/secret", "link through a link outside")
    left_out["link through a link outside"] = "refused"
    link("round", "round")
    left_out["round"] = "leads to itself"
    write("back\\slash")
    left_out["back\\slash"] = "backslash"
    os.mkfifo(tree / "fifo")
    left_out["fifo"] = "FIFO"
    (tree / "only a fifo").mkdir()
    os.mkfifo(tree / "only a fifo/fifo")
    left_out["only a fifo/fifo"] = "FIFO"
    write("half.shoal-tmp", b"half")
    left_out["half.shoal-tmp"] = "unfinished"
    here = os.getcwd()
    os.chdir(tree)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    os.chdir(here)
    left_out["socket"] = "socket"
    return left_out


class TreeTest(unittest.TestCase):
    def setUp(self):
        self.swarm = Swarm()
        self.addCleanup(self.swarm.__exit__)
        self.swarm.share("outside", {"secret": b"secret"})
        self.share = self.swarm.folder("share")
        self.tree = self.swarm.folder("share/tree")

    def make(self, *flags):
        result = self.swarm.leecher("make", self.tree, "-o", self.swarm.root / "tree.shoal", "--json", *flags)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout), result.stderr

    def check_left_out(self, left_out, named):
        self.assertEqual({each["path"] for each in named}, set(left_out))
        for each in named:
            self.assertIn(left_out[each["path"]], each["reason"])

    def test_an_odd_tree_arrives_or_is_named(self):
        left_out = plant(self.tree, self.swarm.root / "outside")
        made, errors = self.make()
        self.check_left_out(left_out, made["left_out_list"])
        self.assertEqual(made["left_out"], len(left_out))
        for path in left_out:
            self.assertIn(path.replace("\\", "\\\\"), errors.replace("\\", "\\\\"))

        seeder = self.swarm.start_seeder(self.share)
        for path, why in left_out.items():
            seeder.expect(rf"left out .*path=.*{path.split('/')[0].split(chr(92))[0]}.*{why}")
        listed = json.loads(self.swarm.leecher("list", "--json", f"--tracker={self.swarm.tracker_url}").stdout)
        self.assertEqual(listed["left_out"], len(left_out))
        self.assertEqual(listed["content_id"], made["content_id"])
        info = self.swarm.leecher("info", "tree", f"--tracker={self.swarm.tracker_url}").stdout
        self.assertIn(f"{len(left_out)} left out", info)

        finished = self.swarm.fetch("tree", "target").finish()
        self.assertTrue(finished["ok"], finished)
        expected = describe(self.tree)
        for path in left_out:
            del expected[os.fsencode(path)]
        self.maxDiff = None
        self.assertEqual(describe(self.swarm.root / "target/tree"), expected)
        self.assertGreater(len(expected), 60)
        self.assertIn(NOT_UTF8, expected)
        self.assertLess(os.stat(self.swarm.root / "target/tree/sparse").st_blocks * 512, 4 * MEBIBYTE)

    def test_links_are_followed_if_told(self):
        (self.tree / "file").write_bytes(b"x")
        os.symlink(self.swarm.root / "outside", self.tree / "out")
        os.symlink("file", self.tree / "inside")
        made, _ = self.make("--links=follow")
        self.assertEqual(made["left_out_list"], [])
        self.swarm.start_seeder(self.share, "--links=follow")
        finished = self.swarm.fetch("tree", "target").finish()
        self.assertTrue(finished["ok"], finished)
        self.assertEqual((self.swarm.root / "target/tree/out/secret").read_bytes(), b"secret")
        self.assertFalse((self.swarm.root / "target/tree/out").is_symlink())
        self.assertEqual(os.readlink(self.swarm.root / "target/tree/inside"), "file")

    def test_a_model_cache_arrives_with_each_blob_once(self):
        cache = self.swarm.folder("share/models--org--name")
        weights = random_bytes(2 * MEBIBYTE + 5, 2)
        for path, content in {"blobs/0a1b": weights, "blobs/2c3d": b"{}", "refs/main": b"c0ffee"}.items():
            (cache / path).parent.mkdir(parents=True, exist_ok=True)
            (cache / path).write_bytes(content)
        for revision in ("c0ffee", "decade"):
            snapshot = cache / "snapshots" / revision
            snapshot.mkdir(parents=True)
            os.symlink("../../blobs/0a1b", snapshot / "model.safetensors")
            os.symlink("../../blobs/2c3d", snapshot / "config.json")
        (cache / ".no_exist/c0ffee").mkdir(parents=True)
        (self.tree / "file").write_bytes(b"x")
        self.swarm.start_seeder(self.share)
        finished = self.swarm.fetch("models--org--name", "target").finish()
        self.assertTrue(finished["ok"], finished)
        self.assertEqual(finished["fetched_bytes"], len(weights) + 2 + 6)
        arrived = self.swarm.root / "target/models--org--name"
        self.assertEqual(describe(arrived), describe(cache))
        self.assertEqual((arrived / "snapshots/c0ffee/model.safetensors").read_bytes(), weights)

    def test_a_change_of_a_link_or_an_empty_folder_is_a_new_version(self):
        (self.tree / "file").write_bytes(b"x")
        seeder = self.swarm.start_seeder(self.share, "--settle=0s")
        seen = len(seeder.lines)
        os.symlink("file", self.tree / "link")
        seeder.expect(r"published.*name=tree", after=seen)
        seen = len(seeder.lines)
        (self.tree / "void").mkdir()
        seeder.expect(r"published.*name=tree", after=seen)
        finished = self.swarm.fetch("tree", "target").finish()
        self.assertTrue(finished["ok"], finished)
        self.assertEqual(describe(self.swarm.root / "target/tree"), describe(self.tree))


if __name__ == "__main__":
    unittest.main()
