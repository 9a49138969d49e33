"""Kills an agent at random while commands run, and compares what it knows afterwards with what it acknowledged."""

import random
import threading
import time

from agents import Agent, Gone, Refused
from swarm import random_bytes, sha256


class Wanted:
    """What the acknowledged commands make of the list of downloads; a command without an answer may have happened."""

    def __init__(self):
        self.downloads = {}  # id -> {"name", "paused", "pinned"}, each a set of possible values
        self.removed = set()
        self.maybe_removed = set()
        self.maybe_added = set()  # names


def act(agent, source, names, wanted):
    """One random command. Returns whether the agent answered."""
    kind = source.choice(["add", "add", "pause", "resume", "pin", "unpin", "remove"])
    ids = [number for number in wanted.downloads if number not in wanted.maybe_removed]
    try:
        if kind == "add" or not ids:
            name = source.choice(names)
            wanted.maybe_added.add(name)
            download = agent.call("Add", {"name": name, "paused": False})["download"]
            number = download["id"]
            wanted.maybe_added.discard(name)
            if number not in wanted.downloads:
                wanted.downloads[number] = {"name": name, "paused": {False}, "pinned": {False}}
            return True
        number = source.choice(ids)
        known = wanted.downloads[number]
        if kind == "remove":
            wanted.maybe_removed.add(number)
            agent.call("Remove", {"ids": [number], "withData": source.random() < 0.5})
            wanted.maybe_removed.discard(number)
            wanted.removed.add(number)
            del wanted.downloads[number]
            return True
        field, value = {"pause": ("paused", True), "resume": ("paused", False), "pin": ("pinned", True), "unpin": ("pinned", False)}[kind]
        known[field].add(value)
        request = {"ids": [number]}
        if field == "pinned":
            request["pinned"] = value
        agent.call({"pause": "Pause", "resume": "Resume", "pin": "Pin", "unpin": "Pin"}[kind], request)
        known[field] = {value}
        return True
    except Gone:
        return False
    except Refused as refused:
        # A removal that was not answered may have happened.
        if refused.code != "not_found":
            raise
        return True


def check(agent, wanted, wrong, complete_states=("STATE_COMPLETE",)):
    """Compares, and takes over what the agent decided about commands without an answer."""
    held = {download["id"]: download for download in agent.downloads()}
    for number, known in list(wanted.downloads.items()):
        download = held.get(number)
        if download is None:
            if number in wanted.maybe_removed:
                wanted.removed.add(number)
                del wanted.downloads[number]
            else:
                wrong.append(f"download {number} ({known['name']}) is lost")
                del wanted.downloads[number]
            continue
        complete = download["state"] in complete_states
        for field in ("paused", "pinned"):
            value = download.get(field, False)
            # What is complete is not paused any more.
            if value not in known[field] and not (field == "paused" and complete):
                wrong.append(f"{field} of {number} is {value}, and was acknowledged as {known[field]}")
            known[field] = {value}
    for number, download in held.items():
        if number in wanted.removed:
            wrong.append(f"download {number} was removed, and is there again")
        elif number not in wanted.downloads:
            if download["wanted"] in wanted.maybe_added:
                wanted.downloads[number] = {"name": download["wanted"], "paused": {download.get("paused", False)},
                                            "pinned": {download.get("pinned", False)}}
            else:
                wrong.append(f"nobody added download {number}, {download['wanted']}")
    wanted.maybe_added.clear()
    wanted.maybe_removed.clear()


def kill_agent(swarm, kills, seed, longest=0.4):
    """Returns figures. Raises AssertionError with all that was wrong."""
    source = random.Random(seed)
    shared = {f"content-{number}.bin": random_bytes(200_000 + number * 50_000, number) for number in range(12)}
    folder = swarm.share("shared", shared)
    swarm.start_seeder(folder, "--settle=0s")
    for name in shared:
        swarm.await_listed(name)
    agent = Agent(swarm, "agent", "--limit-down=4MiB")
    wanted = Wanted()
    wrong = []
    commands = 0
    for _ in range(kills):
        timer = threading.Timer(source.uniform(0.02, longest), agent.daemon.process.kill)
        timer.start()
        while act(agent, source, list(shared), wanted):
            commands += 1
        timer.join()
        agent.kill()
        agent.start()
        check(agent, wanted, wrong)
    agent.call("SetLimits", {"limits": {}})
    for number in wanted.downloads:
        agent.call("Resume", {"ids": [number]})
    deadline = time.monotonic() + 60
    while any(download["state"] != "STATE_COMPLETE" for download in agent.downloads()):
        if time.monotonic() > deadline:
            wrong.append(f"not complete: {[(d['name'], d['state'], d.get('failure')) for d in agent.downloads() if d['state'] != 'STATE_COMPLETE']}")
            break
        time.sleep(0.1)
    for download in agent.downloads():
        if download["state"] == "STATE_COMPLETE" and sha256(download["targetPath"]) != sha256(folder / download["name"]):
            wrong.append(f"{download['name']} has wrong bytes")
    if wrong:
        raise AssertionError("\n".join([f"seed {seed}, {len(wrong)} wrong:", *wrong[:20], *agent.daemon.lines[-30:]]))
    return {"kills": kills, "commands": commands, "downloads": len(agent.downloads())}
