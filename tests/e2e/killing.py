"""A leecher that is killed again and again while it downloads."""

import json
import random
import re
import signal
import time
import urllib.request

from swarm import sha256


def sent_bytes(seeder):
    """What a seeder that was started with --http has sent since its start."""
    port = seeder.expect(r"\bhttp_port=(\d+)").group(1)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as response:
        return int(float(re.search(r"^shoal_seeder_sent_bytes_total (\S+)$", response.read().decode(), re.MULTILINE).group(1)))


class Killed:
    """What came of a download that was killed."""

    def __init__(self):
        self.kills = 0
        self.twice_bytes = 0  # that were fetched more than once
        self.chunk_bytes = 0
        self.resumed_bytes = []  # at each start
        self.in_flight = []  # chunks, of the kills before which it had said so

    def chunks_twice_per_kill(self):
        return self.twice_bytes / self.chunk_bytes / max(self.kills, 1)

    def chunks_in_flight(self):
        """At a kill, on average."""
        return sum(self.in_flight) / max(len(self.in_flight), 1)

    def note_in_flight(self, events):
        """`events`: all that one run said before it was killed. Before its start there is nothing in flight."""
        kinds = [event["event"] for event in events]
        said = events[kinds.index("start"):] if "start" in kinds else []
        self.in_flight += [event["chunks_under_way"] for event in said if event["event"] == "progress"][-1:]


def download_under_fire(swarm, seeder, name, length, kills, seed, limit_down, longest=0.4):
    """Fetches `name` to its end, killed at most `kills` times, at random moments out of `seed`. Raises when the bytes are wrong.

    `limit_down` (bytes per second) makes the download last. A run is killed after `longest` seconds at the latest.
    """
    moments = random.Random(seed)
    killed = Killed()
    before = sent_bytes(seeder)
    while killed.kills < kills:
        fetch = swarm.fetch(name, "copy", f"--limit-down={limit_down}")
        time.sleep(moments.uniform(0.01, longest))
        if fetch.process.poll() is not None:
            fetch.finish()  # which raises when it was not the end of a download
            break
        fetch.stop(signal.SIGKILL)
        swarm.daemons.remove(fetch)
        killed.kills += 1
        killed.resumed_bytes += [event["resumed_bytes"] for event in fetch.events("start")]
        killed.note_in_flight(fetch.events())
    finished = swarm.fetch(name, "copy").finish()
    if not finished["ok"]:
        raise AssertionError(f"it did not come: {json.dumps(finished)}")
    if sha256(swarm.root / "copy" / name) != sha256(swarm.root / "shared" / name):
        raise AssertionError("the bytes are wrong")
    killed.chunk_bytes = -(-length // finished["chunks"])
    killed.twice_bytes = sent_bytes(seeder) - before - length
    return killed
