#!/usr/bin/env python3
"""The pages of the tracker and the seeder in a real browser, on a real swarm.

Pictures of every view are kept below SHOAL_TEST_OUTPUT, or build/test-output, to be looked at.
"""

import json
import os
import pathlib
import shutil
import signal
import tempfile
import unittest
import urllib.error
import urllib.request

import browser
from browser import SCREENS, Browser
from swarm import MEBIBYTE, PATIENCE, Swarm, random_bytes

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURES = pathlib.Path(os.environ.get("SHOAL_TEST_OUTPUT", ROOT / "build" / "test-output")) / "status_pages"
SERVICE = "api/shoal.tracker.v1.TrackerService"

# In a content's name it would act, were it ever taken for markup.
EVIL = "<img src=x onerror=alert(1)><b>.bin"
# The page of contents has 50 rows.
MANY = 60


def ask(address, method="GET", body=None):
    """Returns the status, the headers and the bytes of a response."""
    request = urllib.request.Request(address, method=method, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


class StatusPagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.swarm = Swarm()
        cls.addClassCleanup(cls.swarm.__exit__)
        cls.shared = cls.swarm.share("shared", {
            "alpha.bin": random_bytes(24 * MEBIBYTE, 1), "models/weights.bin": random_bytes(MEBIBYTE, 2), EVIL: random_bytes(70_000, 3),
            **{f"nightly-{number:02}.bin": random_bytes(1000, 100 + number) for number in range(MANY)},
        })
        (cls.shared / "models" / "latest").symlink_to("/etc/hostname")
        (cls.shared / "no-content").symlink_to("alpha.bin")
        private, cls.publisher = cls.swarm.make_key("publisher")
        cls.seeder = cls.swarm.start_seeder(cls.shared, "--settle=100ms", "--http=127.0.0.1:0", "--site=rack-1", f"--sign-key={private}")
        cls.seeder_port = int(cls.seeder.expect(r"seeder listens.*\bhttp_port=(\d+)").group(1))
        # It is there for the whole test.
        cls.fetch = cls.swarm.fetch("alpha.bin", "slow", "--limit-down=200KiB", "--site=rack-2")
        cls.window = Browser()
        cls.addClassCleanup(cls.window.__exit__)

    def setUp(self):
        self.window.show_as("desktop")
        self.addCleanup(self.check_window)

    def check_window(self):
        if any(error for _, error in getattr(self._outcome, "errors", [])):
            self.window.screenshot(PICTURES / "failed" / f"{self.id().rsplit('.', 1)[-1]}.png")
        self.assertEqual(self.window.errors(), [])
        foreign = [url for url in self.window.requested() if not url.startswith(("http://127.0.0.1:", "data:", "about:", "chrome:"))]
        self.assertEqual(foreign, [])

    # --- what a person does ------------------------------------------------------------------------------------------

    @property
    def tracker(self):
        return f"http://127.0.0.1:{self.swarm.ports['http']}/"

    @property
    def seeders_page(self):
        return f"http://127.0.0.1:{self.seeder_port}/"

    def rows(self, table):
        return self.window.all(f".{table} .rows .row")

    def expect_rows(self, table, count):
        self.window.wait(lambda: len(self.rows(table)) == count, f"{count} rows")

    def shown_as_json(self):
        """What the link to JSON leads to."""
        status, headers, body = ask(self.window.one("a.json").get_attribute("href"))
        self.assertEqual(status, 200, body)
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        return json.loads(body)

    # --- tests -------------------------------------------------------------------------------------------------------

    def test_contents_come_first_with_search_order_and_pages(self):
        self.window.open(self.tracker)
        self.window.expect(EVIL)
        self.expect_rows("contents", 50)
        self.window.expect("Page 1 of 2")
        self.window.click(".more button", "Next")
        self.expect_rows("contents", MANY + 3 - 50)
        self.window.click(".contents .head button", "Size")
        self.window.wait(lambda: "alpha.bin" in self.rows("contents")[0].text, "the largest first")
        self.window.wait(lambda: "24.0 MiB" in self.rows("contents")[0].text and "63 contents" in self.window.text(), "its size")
        self.window.keys("/")
        self.window.keys("ALPHA")
        self.expect_rows("contents", 1)
        row = self.window.one(".contents .rows .row", "alpha.bin")
        self.window.wait(lambda: [cell.text for cell in row.find_elements("css selector", ".c-seeders, .c-leechers")] == ["1", "1"],
                         "one seeder and one leecher")
        listed = self.shown_as_json()
        self.assertEqual([content["summary"]["name"] for content in listed["contents"]], ["alpha.bin"])
        self.window.type("input[type=search]", "nothing has this")
        self.window.expect("Nothing has this name")
        self.assertEqual(self.window.run("return document.querySelectorAll('img[src=x], main b').length"), 0)

    def test_who_signed_is_shown(self):
        self.window.open(self.tracker)
        self.window.expect(f"signed by {self.publisher.removeprefix('ed25519:')[:8]}…")
        self.window.type("input[type=search]", "alpha")
        self.expect_rows("contents", 1)
        self.window.click(".contents a", "alpha.bin")
        self.window.expect(self.publisher)
        self.window.open(self.seeders_page)
        self.window.expect(f"signed by {self.publisher}")

    def test_one_swarm_has_its_peers_rates_and_chunks(self):
        self.window.open(self.tracker)
        self.window.type("input[type=search]", "alpha")
        self.window.click(".contents a", "alpha.bin")
        self.window.one(".swarm .row", f"127.0.0.1:{self.seeder.port}")
        self.expect_rows("swarm", 2)
        self.window.one(".swarm .row", "Publisher")
        self.window.wait(lambda: "rack-2" in self.window.one(".swarm .rows .row", "Leecher").text, "the leecher with its site")
        for role in ("Publisher", "Leecher"):
            self.window.wait(lambda: "KiB/s" in self.window.one(".swarm .rows .row", role).text, f"the rate of the {role}")
        self.window.run("document.querySelector('.map canvas').focus()")
        self.window.keys(browser.webdriver.common.keys.Keys.END)
        self.window.wait(lambda: "with it" in self.window.one(".map output").text, "a cell of the map in words")
        swarm = self.shown_as_json()
        self.assertEqual(swarm["content"]["seeders"], 1)
        self.assertEqual(len(swarm["peers"]), 2)
        self.window.keys(browser.webdriver.common.keys.Keys.ESCAPE)
        self.window.expect("1 content")
        self.window.open(f"{self.tracker}#/swarm/{'0' * 64}")
        self.window.expect("No peer has this content")

    def test_health_limits_and_refusals_are_on_the_second_tab(self):
        self.window.open(self.tracker)
        self.window.click(".top nav a", "Health")
        self.window.expect("max-leases")
        self.window.expect("rate-per-address")
        self.window.expect("Taking calls")
        self.window.wait(lambda: "gRPC calls" in self.window.text(), "the listeners")
        status = self.shown_as_json()
        self.assertEqual(status["contents"], MANY + 3)
        self.assertEqual(status["completeLeases"], MANY + 3)

    def test_a_restart_of_the_tracker_needs_no_reload(self):
        self.window.open(self.tracker)
        self.window.expect("63 contents")
        self.window.run("window.stayed = true")
        self.swarm.tracker.stop(signal.SIGKILL)
        self.swarm.daemons.remove(self.swarm.tracker)
        self.window.expect("What you see is from before")
        self.window.screenshot(PICTURES / "desktop-light-tracker-lost.png")
        self.assertEqual(self.window.poor_contrasts(), [])
        self.swarm.start_tracker()
        self.window.wait(lambda: "What you see is from before" not in self.window.text(), "the tracker again")
        self.window.expect("63 contents")
        self.assertTrue(self.window.run("return window.stayed"))

    def test_the_http_listener_takes_reads_only(self):
        for method in ("Register", "RegisterMany", "Heartbeat", "Leave", "Watch"):
            self.assertEqual(ask(f"{self.tracker}{SERVICE}/{method}")[0], 403, method)
            self.assertEqual(ask(f"{self.tracker}{SERVICE}/{method}", "POST", b"{}")[0], 405, method)
        self.assertEqual(ask(f"{self.tracker}{SERVICE}/ListContents?pageSize=1&nothing=1")[0], 400)
        self.assertEqual(ask(f"{self.tracker}{SERVICE}/ListContents", "POST", b"{}")[0], 405)
        for page in (self.tracker, self.seeders_page):
            status, headers, _ = ask(page)
            self.assertEqual(status, 200)
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            for path in ("healthz", "readyz", "metrics"):
                self.assertEqual(ask(page + path)[0], 200, path)

    def test_the_seeder_shows_what_it_publishes_who_fetches_and_what_is_left_out(self):
        self.window.open(self.seeders_page)
        self.window.expect("63 contents")
        self.window.expect("Ready")
        self.window.wait(lambda: "KiB/s" in self.window.one("#rate-out").text, "the rate of sending")
        self.window.type("input[type=search]", "models")
        self.expect_rows("published", 1)
        self.window.one(".published .row", "1 entry left out")
        self.assertEqual(self.shown_as_json()["contents"][0]["name"], "models")
        self.window.click(".top nav a", "Peers")
        self.window.one(".fetchers .rows .row", "alpha.bin")
        self.assertEqual(self.shown_as_json()["peers"][0]["name"], "alpha.bin")
        self.window.click(".top nav a", "Left out")
        self.window.one(".left-out .rows .row", "/etc/hostname")
        self.expect_rows("left-out", 2)
        self.assertEqual({entry["entry"] for entry in self.shown_as_json()["entries"]}, {"models", "no-content"})
        (self.shared / "no-content").unlink()
        self.expect_rows("left-out", 1)

    def test_every_view_can_be_read_on_every_screen(self):
        content = json.loads(ask(f"{self.tracker}{SERVICE}/ListContents?nameContains=alpha")[2])["contents"][0]["summary"]["contentHex"]
        views = {
            "tracker-contents": (self.tracker, EVIL), "tracker-swarm": (f"{self.tracker}#/swarm/{content}", "Leecher"),
            "tracker-health": (f"{self.tracker}#/health", "max-leases"), "seeder-contents": (self.seeders_page, EVIL),
            "seeder-peers": (f"{self.seeders_page}#/peers", "alpha.bin"), "seeder-left-out": (f"{self.seeders_page}#/left_out", "/etc/hostname"),
        }
        for view, (address, text) in views.items():
            self.window.open("about:blank")
            self.window.open(address)
            self.window.expect(text)
            for screen in SCREENS:
                for scheme in ("light", "dark"):
                    with self.subTest(view=view, screen=screen, scheme=scheme):
                        self.window.show_as(screen, dark=scheme == "dark")
                        self.window.screenshot(PICTURES / f"{screen}-{scheme}-{view}.png")
                        self.assertEqual(self.window.poor_contrasts(), [])
                        self.assertEqual(self.window.nameless(), [])
                        self.assertFalse(self.window.too_wide())

    def test_the_page_of_a_tracker_with_tokens_asks_for_one(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-tokens-"))
        self.addCleanup(shutil.rmtree, folder)
        made = [json.loads(self.swarm.leecher("token", f"--rights={rights}", "--json").stdout) for rights in ("fetch", "list")]
        (folder / "tokens").write_text("".join(one["line"] + "\n" for one in made))
        with Swarm(tracker_flags=(f"--tokens={folder}/tokens",)) as guarded, Browser() as window:
            window.open(f"http://127.0.0.1:{guarded.ports['http']}/")
            window.expect("This tracker asks for a token")
            window.screenshot(PICTURES / "tracker-token.png")
            window.type("dialog input", made[0]["token"] + "\n")
            window.expect("lacks the right")
            window.type("dialog input", made[1]["token"] + "\n")
            window.wait(lambda: not window.all("dialog"), "the dialog is gone")
            window.expect("Taking calls")


if __name__ == "__main__":
    unittest.main()
