#!/usr/bin/env python3
"""The Debian package, in a minimal Debian: installed, its services run, a file fetched, upgraded, removed, nothing left.

Usage: package_test.py PACKAGE.deb [TEST...]. Needs root. Makes the minimal Debian itself (docker/minimal_debian.sh), unless the environment
names a tar of one as MINIMAL_DEBIAN.
"""

import configparser
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from swarm import MEBIBYTE, PATIENCE, random_bytes, sha256

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = ("shoal-tracker", "shoal-seeder", "shoal-agent")
USER = "61184"  # of those that systemd gives to services
MOST_EXPOSURE = 2.5

# What apt and dpkg write about their own work. Nothing of a package is in it, except below dpkg's "info".
ABOUT_PACKAGES = re.compile(r"/(var/lib/apt|var/lib/dpkg|var/cache|var/log|etc/ld\.so\.cache|tmp|proc|sys|dev|run|root)(/|$)")


def run(*command, **options):
    result = subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                            check=False, timeout=900, **options)
    if result.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))} ended with {result.returncode}:\n{result.stdout[-6000:]}{result.stderr[-3000:]}")
    return result.stdout


class Unit:
    """A systemd unit file."""

    def __init__(self, path):
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str
        parser.read(path)
        self.service = dict(parser["Service"])
        self.command = shlex.split(self.service["ExecStart"])


class Machine:
    """A minimal Debian in a folder, with a network of its own that ends at its loopback."""

    def __init__(self, folder):
        self.root = folder / "root"
        if "MINIMAL_DEBIAN" in os.environ:
            self.root.mkdir()
            run("tar", "-C", self.root, "-xf", os.environ["MINIMAL_DEBIAN"])
        else:
            run(ROOT / "docker/minimal_debian.sh", self.root)
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n")  # as an installed Debian has it
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        # It ends when its input does: with this test, however that ends.
        self.init = subprocess.Popen([*self._isolated("--net", "--kill-child"), "/bin/sh", "-c", "echo up; exec cat >/dev/null"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.init.stdout.readline() != "up\n":
            raise AssertionError("the minimal Debian does not start")
        run("nsenter", f"--net=/proc/{self._first_process()}/ns/net", "ip", "link", "set", "lo", "up")

    def _isolated(self, *flags):
        return ["unshare", "--mount", "--pid", "--fork", *flags, f"--mount-proc={self.root}/proc", "chroot", str(self.root)]

    def _first_process(self):
        """Of the machine: the child of unshare, which stays outside."""
        return pathlib.Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children").read_text(encoding="ascii").split()[0]

    def install(self, *command):
        """Runs a command with the network of this computer."""
        return run(*self._isolated("--kill-child"), *command, env=self.environment)

    def run(self, *command):
        return run(*self.inside(), *command, env=self.environment)

    def inside(self):
        return ["nsenter", "--target", self._first_process(), "--net", "--mount", "--pid", f"--root={self.root}", "--wd=/"]

    def path(self, path):
        return self.root / path.lstrip("/")

    def files(self):
        """Path -> what it is. Of what packages bring, everything."""
        found = {}
        for folder, names, others in os.walk(self.root):
            inside = "/" + str(pathlib.Path(folder).relative_to(self.root))
            names[:] = [name for name in names if not ABOUT_PACKAGES.match(os.path.join(inside, name).replace("//", "/"))]
            for name in [*names, *others]:
                path = pathlib.Path(folder, name)
                shown = "/" + str(path.relative_to(self.root))
                if ABOUT_PACKAGES.match(shown):
                    continue
                status = path.lstat()
                what = [stat.filemode(status.st_mode), status.st_uid, status.st_gid]
                if path.is_symlink():
                    what.append(os.readlink(path))
                elif path.is_file():
                    what.append(hashlib.sha256(path.read_bytes()).hexdigest())
                found[shown] = what
        return found

    def close(self):
        self.init.communicate()


class Service:
    """A unit's command line, run as systemd runs it: as a user of its own with a state folder, and a socket for notices."""

    def __init__(self, machine, name):
        self.name = name
        unit = Unit(machine.path(f"/usr/lib/systemd/system/{name}.service"))
        state = machine.path(f"/var/lib/{unit.service['StateDirectory']}")
        if unit.service.get("DynamicUser") == "yes":
            private = machine.path(f"/var/lib/private/{unit.service['StateDirectory']}")
            private.mkdir(parents=True, mode=0o700, exist_ok=True)
            private.parent.chmod(0o755)  # systemd lets the service alone in
            os.chown(private, int(USER), int(USER))
            if not state.is_symlink():
                state.symlink_to(f"private/{unit.service['StateDirectory']}")
        else:
            state.mkdir(exist_ok=True)
            os.chown(state, int(USER), int(USER))
        if "RuntimeDirectory" in unit.service:
            runtime = machine.path(f"/run/{unit.service['RuntimeDirectory']}")
            runtime.mkdir(exist_ok=True)
            os.chown(runtime, int(USER), int(USER))
        notices = machine.path(f"/run/{name}.notices")
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.settimeout(PATIENCE)
        self.notices.bind(str(notices))
        notices.chmod(0o777)
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*machine.inside(), "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", *unit.command],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            env={"PATH": machine.environment["PATH"], "NOTIFY_SOCKET": f"/run/{name}.notices"})

    def expect_notice(self, notice):
        try:
            received = self.notices.recv(1024).decode()
        except TimeoutError:
            received = "nothing"
        if received != notice:
            raise AssertionError(f"{self.name} notified {received}, not {notice}:\n{self.output()}")

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        """Returns the exit code."""
        # nsenter waits outside for the program, which is in another process namespace.
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii").split()
        for child in children or [self.process.pid]:
            os.kill(int(child), signal.SIGTERM)
        self.expect_notice("STOPPING=1")
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.notices.close()
        self.log.close()


class PackageTest(unittest.TestCase):
    package = None  # a path

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-package-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def unpacked(self):
        """The folder with the package's files, below DEBIAN its control files."""
        if not (self.folder / "package").exists():
            run("dpkg-deb", "-R", self.package, self.folder / "package")
        return self.folder / "package"

    def field(self, name):
        return run("dpkg-deb", "-f", self.package, name).strip()

    def newer_package(self):
        """The same package of a later version, with another default in the configuration."""
        folder = self.unpacked()
        control = folder / "DEBIAN/control"
        control.write_text(control.read_text().replace(f"Version: {self.field('Version')}", "Version: 99.0"))
        for name in ("tracker", "seeder", "agent"):
            with open(folder / f"etc/shoal/{name}.conf", "a", encoding="ascii") as config:
                config.write("# A comment of the later version.\n")
        run("dpkg-deb", "--root-owner-group", "-b", folder, self.folder / "newer.deb")
        return self.folder / "newer.deb"

    def test_lintian_finds_no_error(self):
        run("lintian", "--allow-root", "--fail-on", "error", self.package)

    def test_dependencies_are_libraries_alone(self):
        for dependency in self.field("Depends").split(", "):
            self.assertRegex(dependency, r"^lib")

    def test_programs_are_hardened(self):
        for name in ("shoal", "shoal-tracker", "shoal-seeder"):
            shown = run("readelf", "--wide", "--file-header", "--program-headers", "--dynamic", "--dyn-syms",
                        self.unpacked() / "usr/bin" / name)
            self.assertRegex(shown, r"Type: +DYN", "a fixed address")
            self.assertIn("GNU_RELRO", shown)
            self.assertRegex(shown, r"FLAGS_1\) .*NOW.*PIE")
            self.assertRegex(shown, r"GNU_STACK .* RW +0x", "a stack that can be executed")
            self.assertNotRegex(shown, r"LOAD .* RWE ", "memory that can be written and executed")
            self.assertNotRegex(shown, r"\((RPATH|RUNPATH|TEXTREL)\)")
            for function in ("__stack_chk_fail", "__memcpy_chk"):
                self.assertRegex(shown, rf"UND {function}\b")
            if os.uname().machine == "x86_64":
                entries = re.findall(r"^\s*[0-9a-f]+:\s+endbr64", run("objdump", "--disassemble", "--no-show-raw-insn",
                                                                      self.unpacked() / "usr/bin" / name), re.MULTILINE)
                self.assertGreater(len(entries), 1000, "not compiled for control-flow enforcement")

    def test_bill_of_materials(self):
        bill = json.loads((self.unpacked() / "usr/share/doc/shoal/shoal.spdx.json").read_text(encoding="utf-8"))
        self.assertEqual(bill["spdxVersion"], "SPDX-2.3")
        packages = {package["SPDXID"]: package["name"] for package in bill["packages"]}
        self.assertEqual(len(packages), len(bill["packages"]))
        used = {}
        for relationship in bill["relationships"]:
            ends = {relationship["spdxElementId"], relationship["relatedSpdxElement"]} - {"SPDXRef-DOCUMENT"}
            self.assertLessEqual(ends, set(packages))
            for end in ends - {"SPDXRef-shoal"}:
                used.setdefault(relationship["relationshipType"], set()).add(packages[end])
        self.assertLessEqual({"libgrpc-dev", "libgrpc++-dev", "libssl-dev", "libprotobuf-dev", "zlib1g-dev"}, used["STATIC_LINK"])
        self.assertLessEqual({"libboost1.81-dev", "libcli11-dev"}, used["BUILD_DEPENDENCY_OF"])
        # "libspdlog1.10-fmt9" is a virtual package: the library as it was built with that version of another.
        depended = {re.sub(r"-fmt\d+$", "", dependency.split()[0]) for dependency in self.field("Depends").split(", ")}
        self.assertLessEqual(depended, used["DYNAMIC_LINK"])

    def test_services_are_confined(self):
        units = self.unpacked() / "usr/lib/systemd/system"
        for name in UNITS:
            shown = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSURE * 10:.0f}",
                        units / f"{name}.service")
            self.assertLessEqual(float(re.search(r"Overall exposure level for .*: ([\d.]+)", shown)[1]), MOST_EXPOSURE)
            service = Unit(units / f"{name}.service").service
            self.assertEqual(service["Type"], "notify")
            self.assertNotEqual(service.get("User", "a dynamic one"), "root")
            self.assertIn("User" if name == "shoal-agent" else "DynamicUser", service)
            self.assertEqual(service["StateDirectory"], name)

    def test_systemd_understands_each_line_of_the_units(self):
        folder = self.unpacked()
        # It ends with an error, because the targets of a whole system are not there.
        shown = subprocess.run(["systemd-analyze", "verify", "--man=no", f"--root={folder}", *(f"{name}.service" for name in UNITS)],
                               capture_output=True, text=True, check=False).stderr
        self.assertEqual(re.findall(r"^.*\.service:\d+:.*$", shown, re.MULTILINE), [])

    def test_man_pages_have_no_faults(self):
        pages = sorted((self.unpacked() / "usr/share/man/man1").iterdir())
        names = {page.name.removesuffix(".1.gz") for page in pages}
        self.assertLessEqual({"shoal", "shoal-leecher", "shoal-get", "shoal-list", "shoal-serve", "shoal-tracker", "shoal-seeder"}, names)
        for page in pages:
            shown = subprocess.run(["man", "--warnings", "--encoding=UTF-8", "--local-file", page], capture_output=True, text=True,
                                   env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}, check=True)
            self.assertEqual(shown.stderr, "", page.name)
            for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"):
                self.assertRegex(shown.stdout, rf"(?m)^{section}$", page.name)

    def test_install_use_upgrade_remove(self):
        machine = Machine(self.folder)
        self.addCleanup(machine.close)
        machine.install("apt-get", "-qq", "update")
        before = machine.files()

        shutil.copy(self.package, machine.path("/root/shoal.deb"))
        machine.install("apt-get", "-qq", "install", "/root/shoal.deb")
        for name in ("shoal", "shoal-leecher", "shoal-tracker", "shoal-seeder"):
            self.assertEqual(machine.run(name, "--version").split(), [name, self.field("Version")])
        self.assertEqual(os.readlink(machine.path("/usr/bin/shoal-leecher")), "shoal")

        wanted = random_bytes(3 * MEBIBYTE + 1, seed=1)
        machine.path("/srv/shoal").mkdir()
        machine.path("/srv/shoal/model.bin").write_bytes(wanted)
        self.fetch_from_services(machine, "model.bin")
        self.assertTrue(machine.path("/var/lib/private/shoal-tracker/tracker.state").is_file())

        self.upgrade(machine)
        self.fetch_from_services(machine, "model.bin")

        machine.install("apt-get", "-qq", "remove", "shoal")
        self.assertTrue(machine.path("/etc/shoal/seeder.conf").is_file())
        self.assertFalse(machine.path("/usr/bin/shoal").exists())
        machine.install("apt-get", "-qq", "purge", "--autoremove", "shoal")
        shutil.rmtree(machine.path("/srv/shoal"))
        # What was fetched stays, for people.
        self.assertTrue(machine.path("/var/lib/shoal-agent/contents/model.bin").is_file())
        self.assertFalse(machine.path("/var/lib/shoal-agent/state").exists())
        shutil.rmtree(machine.path("/var/lib/shoal-agent"))
        # systemd's, for all services.
        machine.path("/var/lib/private").rmdir()
        self.assertEqual(machine.files(), before)
        self.assertEqual(list(machine.path("/var/lib/dpkg/info").glob("shoal*")), [])
        self.assertNotIn("Package: shoal\n", machine.path("/var/lib/dpkg/status").read_text())

    def fetch_from_services(self, machine, name):
        services = [Service(machine, unit) for unit in UNITS]
        for service in services:
            self.addCleanup(service.close)
        for service in services:
            service.expect_notice("READY=1")
        machine.run("shoal", "add", name)
        copy = machine.path(f"/var/lib/shoal-agent/contents/{name}")
        deadline = time.monotonic() + PATIENCE
        while not copy.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(sha256(copy), sha256(machine.path(f"/srv/shoal/{name}")), machine.run("shoal", "status"))
        machine.path("/root/copy").mkdir()
        machine.run("shoal", "get", name, "--tracker=localhost:50051", "--output=/root/copy", "--listen=none", "--seed=no")
        self.assertEqual(sha256(machine.path(f"/root/copy/{name}")), sha256(machine.path(f"/srv/shoal/{name}")))
        shutil.rmtree(machine.path("/root/copy"))
        for service in reversed(services):
            self.assertEqual(service.stop(), 0, service.output())
            machine.path(f"/run/{service.name}.notices").unlink()

    def upgrade(self, machine):
        """An upgrade keeps what an administrator changed in the configuration, and replaces what stands as it was installed."""
        changed = machine.path("/etc/shoal/seeder.conf")
        mine = changed.read_text() + "\nsite=rack-7\n"
        changed.write_text(mine)
        shutil.copy(self.newer_package(), machine.path("/root/newer.deb"))
        machine.install("apt-get", "-qq", "-o", "Dpkg::Options::=--force-confdef", "install", "/root/newer.deb")
        self.assertEqual(machine.run("dpkg-query", "-W", "-f", "${Version}", "shoal"), "99.0")
        self.assertEqual(changed.read_text(), mine)
        self.assertIn("# A comment of the later version.", machine.path("/etc/shoal/tracker.conf").read_text())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PackageTest.package = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
