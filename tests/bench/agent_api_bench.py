#!/usr/bin/env python3
"""An agent that holds many contents: its memory, threads and idle CPU, how soon its API answers, and when its page is painted.

    SHOAL_PROGRAMS=build/release/bin tests/bench/agent_api_bench.py [--contents 1000] [--running 50]

The contents are small files that it follows and holds; those that run are limited to a crawl. The page is opened in a headless
Chromium, if there is one.
"""

import argparse
import http.client
import json
import os
import pathlib
import shutil
import statistics
import threading
import time

import bench_place  # noqa: F401
from agents import SERVICE, Agent
from swarm import MEBIBYTE, Swarm, random_bytes

TICKS = os.sysconf("SC_CLK_TCK")


def figures(process):
    """Memory in MiB (its peak as well), threads."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines())
    return int(status["VmRSS"].split()[0]) / 1024, int(status["VmHWM"].split()[0]) / 1024, int(status["Threads"])


def cpu_share(process, seconds):
    """Of one core, in percent."""
    def used():
        fields = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    before = used()
    time.sleep(seconds)
    return (used() - before) / seconds * 100


def list_latency(agent, rounds):
    """Milliseconds of a call whose connection is open, and bytes of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", agent.port)
    times = []
    for _ in range(rounds):
        began = time.monotonic()
        connection.request("POST", f"/api/{SERVICE}/List", "{}", {"Content-Type": "application/json"})
        body = connection.getresponse().read()
        times.append((time.monotonic() - began) * 1000)
    return statistics.median(times), max(times), len(body)


def watch_latency(agent, rounds):
    """Milliseconds from a command's start until a watcher has its effect."""
    connection = http.client.HTTPConnection("127.0.0.1", agent.port)
    connection.request("GET", f"/api/{SERVICE}/Watch")
    stream = connection.getresponse()
    came = threading.Semaphore(0)
    wanted = []

    def read():
        for line in stream:
            if wanted and line.startswith(b"data:") and wanted[0] in line:
                wanted.clear()
                came.release()

    threading.Thread(target=read, daemon=True).start()
    time.sleep(1)
    target = agent.downloads()[0]["id"]
    times = []
    for number in range(rounds):
        wanted.append(f'"id":"{target}"'.encode())
        began = time.monotonic()
        agent.call("Pin", {"ids": [target], "pinned": number % 2 == 0})
        if not came.acquire(timeout=10):
            raise RuntimeError("the watcher was not told")
        times.append((time.monotonic() - began) * 1000)
        time.sleep(0.3)
    return statistics.median(times), max(times)


def first_paint(agent):
    """Milliseconds from the navigation to the first contentful paint, by the browser's own clock."""
    from browser import Browser  # pylint: disable=import-outside-toplevel
    times = []
    with Browser() as browser:
        for _ in range(5):
            browser.open(agent.address)
            time.sleep(1)
            times.append(browser.run("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"))
    return statistics.median(times), max(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contents", type=int, default=1000)
    parser.add_argument("--running", type=int, default=50)
    options = parser.parse_args()
    with Swarm() as swarm:
        shared = swarm.share("shared", {f"held-{number:04}": random_bytes(100_000, number) for number in range(options.contents)})
        for number in range(options.running):
            (shared / f"running-{number:04}").write_bytes(random_bytes(8 * MEBIBYTE, options.contents + number))
        swarm.start_seeder(shared)
        agent = Agent(swarm, "agent", "--follow=held-*")
        process = agent.daemon.process.pid
        while sum(download["state"] == "STATE_COMPLETE" for download in agent.downloads()) < options.contents:
            time.sleep(0.5)
        time.sleep(2)
        print(f"{options.contents} held: {figures(process)[0]:.0f} MiB, {figures(process)[2]} threads, idle {cpu_share(process, 20):.2f} % of a core")
        print("List: {:.1f} ms (median), {:.1f} ms (worst), {} bytes".format(*list_latency(agent, 50)))
        print("Watch: {:.1f} ms (median), {:.1f} ms (worst)".format(*watch_latency(agent, 20)))
        if shutil.which("chromedriver"):
            print("first paint: {:.0f} ms (median), {:.0f} ms (worst)".format(*first_paint(agent)))
        agent.call("SetLimits", {"limits": {"receiveBytesPerSecond": "200000"}})
        for number in range(options.running):
            agent.call("Add", {"name": f"running-{number:04}"})
        time.sleep(10)
        running = sum(download["state"] != "STATE_COMPLETE" for download in agent.downloads())
        resident, peak, threads = figures(process)
        print(f"{options.contents} held and {running} running: {resident:.0f} MiB (peak {peak:.0f}), {threads} threads, "
              f"{cpu_share(process, 10):.2f} % of a core")


if __name__ == "__main__":
    main()
