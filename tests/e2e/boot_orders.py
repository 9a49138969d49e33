"""Machines that start and restart in a random order: a tracker, seeders and leechers that wait for ever."""

import random
import time

from swarm import PATIENCE, Daemon, Fetch, Swarm, random_bytes, sha256

NAME = "image.bin"
SEEDERS = 2
LEECHERS = 3


class BootOrder(Swarm):
    """One order out of `seed`, with pauses of at most `longest_pause` seconds between its steps."""

    def __init__(self, seed, length, longest_pause):
        self.random = random.Random(seed)
        self.longest_pause = longest_pause
        self.steps = []  # in words, for an error
        self.last_step = None  # when all was started
        self.seeders = {}
        self.leechers = {}
        super().__init__(scheme=self.random.choice(["grpc", "udp"]))
        # It had to run once, so that its ports are known. Nothing else has spoken to it.
        self.stop_daemon(self.tracker)
        self.tracker = None
        self.shared = self.share("shared", {NAME: random_bytes(length, seed)})

    def stop_daemon(self, daemon, number=None):
        daemon.stop(*([] if number is None else [number]))
        self.daemons.remove(daemon)

    def boot_tracker(self):
        if self.tracker is not None:
            self.stop_daemon(self.tracker)
        self.start_tracker()

    def boot_seeder(self, number):
        if number in self.seeders:
            self.stop_daemon(self.seeders[number])
        self.seeders[number] = self.keep(Daemon(
            "shoal-seeder", f"--tracker={self.tracker_url}", f"--share={self.shared}", "--listen=127.0.0.1:0",
            "--advertise=127.0.0.1", "--settle=0s", f"--state={self.folder('state') / str(number)}"))

    def boot_leecher(self, number):
        """A restarted one finds what the run before it left."""
        if number in self.leechers and self.leechers[number].process.poll() is None:
            self.stop_daemon(self.leechers[number])
        self.leechers[number] = self.keep(Fetch(
            NAME, f"--tracker={self.tracker_url}", f"--output={self.folder(f'leecher{number}')}", "--listen=127.0.0.1:0",
            "--advertise=127.0.0.1", "--seed=no", "--wait=forever"))

    def run(self):
        """Starts everything once and restarts some of it. Then every leecher has to end with the file."""
        first = [("tracker", None)] + [("seeder", i) for i in range(SEEDERS)] + [("leecher", i) for i in range(LEECHERS)]
        self.random.shuffle(first)
        again = [("tracker", None)] + self.random.sample(first, 2)
        self.random.shuffle(again)
        for kind, number in first + again:
            pause = self.random.uniform(0, self.longest_pause)
            self.steps.append(f"{kind}{'' if number is None else number} after {pause:.2f} s")
            time.sleep(pause)
            getattr(self, f"boot_{kind}")(*([] if number is None else [number]))
        self.last_step = time.monotonic()
        deadline = self.last_step + PATIENCE
        for number, leecher in sorted(self.leechers.items()):
            self.check(number, leecher, deadline)

    def check(self, number, leecher, deadline):
        try:
            leecher.process.wait(max(0.1, deadline - time.monotonic()))
        except Exception as error:
            raise self.failure(number, leecher, "it still waits") from error
        if not leecher.finish()["ok"]:
            raise self.failure(number, leecher, "it failed")
        if sha256(self.root / f"leecher{number}" / NAME) != sha256(self.shared / NAME):
            raise self.failure(number, leecher, "the bytes are wrong")

    def failure(self, number, leecher, what):
        said = "\n".join(leecher.lines[-15:])
        return AssertionError(f"leecher{number}: {what}, over {self.scheme}, with {'; '.join(self.steps)}:\n{said}")
