#!/usr/bin/env python3
"""`shoal top` on a terminal: what it shows, and its keys."""

import os
import termios
import unittest

from agents import Agent
from swarm import MEBIBYTE, Swarm, random_bytes
from top_terminal import TopTerminal

UP, DOWN, ENTER = "\x1b[A", "\x1b[B", "\n"


class TopTest(unittest.TestCase):
    def test_keys(self):
        with Swarm() as swarm:
            swarm.start_seeder(swarm.share("shared", {"large": random_bytes(64 * MEBIBYTE, 1), "small": random_bytes(MEBIBYTE, 2)}))
            agent = Agent(swarm, "agent", "--limit-down=300KiB")
            for name in ("large", "small"):
                agent.call("Add", {"name": name})
            top = TopTerminal(agent.socket)
            self.addCleanup(os.close, top.terminal)
            top.expect(r"2 downloads[\s\S]*NAME[\s\S]*large[\s\S]*q: end")
            top.press("s")
            top.expect(r"now by name[\s\S]*> +\d+ +large|> +\d+ +large[\s\S]*now by name")
            top.press(DOWN)
            top.expect(r"> +\d+ +small")
            top.press(UP + "p")
            top.expect(r"> +\d+ +large +paused")
            top.press("p")
            top.expect(r"> +\d+ +large +(fetching|waiting)")
            top.press(ENTER)
            top.expect(r"large: [\s\S]*PEER[\s\S]*127\.0\.0\.1:\d+[\s\S]*Enter: back")
            top.press(ENTER)
            top.expect(r"arrows: choose")
            top.press("q")
            self.assertEqual(top.end(), 0)

    def test_ctrl_c_ends_it_while_nothing_changes(self):
        with Swarm() as swarm:
            agent = Agent(swarm, "agent")
            top = TopTerminal(agent.socket)
            self.addCleanup(os.close, top.terminal)
            top.expect("0 downloads")
            top.press("\x03")
            self.assertEqual(top.end(), 0)
            # The terminal is as it was.
            self.assertTrue(termios.tcgetattr(top.terminal)[3] & termios.ECHO)


if __name__ == "__main__":
    unittest.main(verbosity=2)
