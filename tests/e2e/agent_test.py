#!/usr/bin/env python3
"""The agent: its commands, its API as curl sees it, what survives a kill, following, and files while they arrive."""

import hashlib
import json
import os
import time
import unittest

from agent_killing import kill_agent
from agents import SERVICE, Agent, Refused
from swarm import MEBIBYTE, Swarm, random_bytes, sha256


class AgentTest(unittest.TestCase):
    def await_state(self, agent, name, state):
        deadline = time.monotonic() + 60
        while True:
            for download in agent.downloads():
                if download.get("name") == name and download["state"] == f"STATE_{state}":
                    return download
            self.assertLess(time.monotonic(), deadline, f"{name} never was {state}: {agent.downloads()}")
            time.sleep(0.05)

    def test_commands(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": random_bytes(3 * MEBIBYTE, 1), "set/a.csv": b"1,2", "set/b.txt": b"hi"})
            swarm.start_seeder(shared, "--settle=0s")
            swarm.await_listed("set")
            swarm.await_listed("model.bin")
            agent = Agent(swarm, "agent")

            def says(*words, code=0):
                result = agent.command(*words)
                self.assertEqual(result.returncode, code, result.stdout + result.stderr)
                return result.stdout + result.stderr

            self.assertIn("no download", says("status"))
            self.assertIn("model.bin is added, as 1", says("add", "model.bin"))
            self.assertIn("is there already", says("add", "model.bin"))
            self.await_state(agent, "model.bin", "COMPLETE")
            self.assertEqual(sha256(agent.output / "model.bin"), sha256(shared / "model.bin"))
            self.assertRegex(says("status"), r"1 +model\.bin +complete +100%")
            says("add", "set", "--include=*.csv")
            self.await_state(agent, "set", "COMPLETE")
            self.assertEqual(os.listdir(agent.output / "set"), ["a.csv"])
            says("priority", "set", "b.txt=high", "a.csv=normal")
            says("pin", "1")
            says("verify", "model.bin")
            self.await_state(agent, "model.bin", "COMPLETE")
            self.assertTrue(json.loads(says("status", "1", "--json"))["downloads"][0]["pinned"])
            self.assertIn("down 1.00 MiB/s, up none", says("limit", "--down=1MiB"))
            limits = json.loads(says("limit", "--up=2MiB", "--json"))
            self.assertEqual(limits, {"receiveBytesPerSecond": "1048576", "sendBytesPerSecond": "2097152"})
            self.assertEqual(limits, json.loads(says("limit", "--json")))
            self.assertIn("down 1.00 MiB/s, up none", says("limit", "--up=none"))
            self.assertIn("model.bin: down none, up none", says("limit", "model.bin"))
            self.assertIn("model.bin: down 2.00 MiB/s", says("limit", "model.bin", "--down=2MiB"))
            limited = json.loads(says("limit", "1", "--down=none", "--json"))["downloads"][0]
            self.assertNotEqual(limited.get("receiveLimitBytesPerSecond"), str(2 << 20))
            paused = json.loads(says("pause", "MODEL.BIN".lower(), "1", "--json"))["downloads"]
            self.assertEqual([download["id"] for download in paused], ["1"])
            digits = agent.downloads()[0]["contentHex"][:10].upper()
            self.assertEqual(json.loads(says("resume", digits, "--json"))["downloads"][0]["name"], "model.bin")
            self.assertEqual(json.loads(says("follow", "x*", "y*", "--json"))["follows"][1]["glob"], "y*")
            self.assertEqual([rule["glob"] for rule in json.loads(says("unfollow", "x*", "--json"))["follows"]], ["y*"])
            self.assertIn("z* was not followed", says("unfollow", "z*"))
            self.assertIn("model.bin: down none, up 1.00 MiB/s", says("limit", "model.bin", "--up=1MiB"))
            self.assertIn("model.bin: down 3.00 MiB/s, up 1.00 MiB/s", says("limit", "model.bin", "--down=3MiB"))
            self.assertIn("model.bin: down none, up none", says("limit", "1", "--down=none", "--up=none"))
            self.assertIn("no download 'nothing'", says("pause", "nothing", code=3))
            self.assertIn("removed, with its files", says("remove", "model.bin", "--with-data"))
            agent.daemon.expect("removed model.bin with its data")
            self.assertFalse((agent.output / "model.bin").exists())
            self.assertEqual(agent.daemon.stop(), 0)
            self.assertIn("no agent listens at", says("status", code=1))

    def test_one_content_in_two_folders(self):
        with Swarm() as swarm:
            swarm.start_seeder(swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 1)}), "--settle=0s")
            agent = Agent(swarm, "agent")
            other = swarm.folder("other")
            for folder in ((), ("-o", other)):
                self.assertEqual(agent.command("add", "model.bin", *folder).returncode, 0)
            agent.daemon.expect(r"complete download=1\b")
            agent.daemon.expect(r"complete download=2\b")
            agent.kill()
            agent.start()
            self.assertEqual([download["state"] for download in agent.downloads()], ["STATE_COMPLETE"] * 2)
            refused = agent.command("status", "model.bin")
            self.assertEqual(refused.returncode, 6)
            self.assertIn("by its number: 1, 2", refused.stderr)
            self.assertEqual(agent.command("remove", "2", "--with-data").returncode, 0)
            agent.daemon.expect("removed model.bin with its data")
            self.assertEqual(os.listdir(other), [])
            agent.kill()
            agent.start()
            self.assertEqual([download["state"] for download in agent.downloads()], ["STATE_COMPLETE"])
            for request, field in (({"id": 0}, "id: "), ({}, "id: ")):
                with self.assertRaises(Refused) as refused:
                    agent.call("Get", request)
                self.assertIn(field, str(refused.exception))

    def test_the_api_is_for_those_who_may(self):
        with Swarm() as swarm:
            secret = "a-long-enough-secret"
            token = swarm.root / "token"
            token.write_text(secret + "\n")
            agent = Agent(swarm, "agent", f"--token-file={token}")
            with self.assertRaises(Refused) as refused:
                agent.call("List")
            self.assertEqual((refused.exception.status, refused.exception.code), (401, "unauthenticated"))
            good = {"Authorization": f"Bearer {secret}"}
            agent.call("List", headers=good)
            for path in ("/content/1/x", f"/api/{SERVICE}/Watch"):
                self.assertEqual(agent.ask("GET", path)[0], 401, path)
            self.assertNotEqual(agent.ask("GET", f"/content/1/x?access_token={secret}")[0], 401)
            # Another site, a rebound name, a form.
            for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
                with self.assertRaises(Refused) as refused:
                    agent.call("List", headers={**good, **headers})
                self.assertIn(refused.exception.status, (403, 421), headers)
            self.assertEqual(agent.ask("POST", f"/api/{SERVICE}/List", "{}", {**good, "Content-Type": "text/plain"})[0], 415)
            self.assertEqual(agent.ask("GET", "/")[0], 200)
            result = swarm.leecher("serve", "--http=0.0.0.0:0", f"--state={swarm.folder('s')}", f"--output={swarm.folder('o')}",
                                   f"--socket={swarm.root / 'other'}")
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("--token-file", result.stderr)

    def test_nothing_acknowledged_is_lost_by_kills(self):
        with Swarm() as swarm:
            figures = kill_agent(swarm, kills=15, seed=1)
            self.assertGreater(figures["commands"], 20, figures)

    def test_a_followed_name_is_on_every_agent(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"nightly.img": random_bytes(2 * MEBIBYTE, 1)})
            swarm.start_seeder(shared, "--settle=0s")
            agents = [Agent(swarm, f"agent-{number}", "--follow=night*") for number in range(3)]
            for agent in agents:
                self.await_state(agent, "nightly.img", "COMPLETE")
            new = random_bytes(3 * MEBIBYTE, 2)
            (shared / ".new").write_bytes(new)
            os.rename(shared / ".new", shared / "nightly.img")
            for agent in agents:
                agent.daemon.expect("removed nightly.img with its data")
                self.assertEqual((agent.output / "nightly.img").read_bytes(), new)
                self.assertEqual(len(os.listdir(agent.output / ".shoal-versions")), 1)

    def test_a_file_is_read_while_it_arrives(self):
        with Swarm() as swarm:
            content = random_bytes(8 * MEBIBYTE, 1)
            shared = swarm.share("shared", {"film.mkv": content})
            swarm.start_seeder(shared, "--settle=0s")
            swarm.await_listed("film.mkv")
            agent = Agent(swarm, "agent", "--limit-down=2MiB")
            agent.call("Add", {"name": "film.mkv"})
            download = self.await_state(agent, "film.mkv", "FETCHING")
            path = f"/content/{download['contentHex']}/film.mkv"
            at = 6 * MEBIBYTE + 12_345
            status, headers, body = agent.ask("GET", path, headers={"Range": f"bytes={at}-{at + 99_999}"})
            self.assertEqual((status, headers["Content-Range"]), (206, f"bytes {at}-{at + 99_999}/{len(content)}"))
            self.assertEqual(body, content[at:at + 100_000])
            self.assertEqual(agent.downloads()[0]["state"], "STATE_FETCHING", "the end came before the rest")
            status, _, body = agent.ask("GET", path)
            self.assertEqual((status, hashlib.sha256(body).digest()), (200, hashlib.sha256(content).digest()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
