#!/usr/bin/env python3
"""The agent's page in a real browser, on a real swarm: what a person does with a mouse, and once with keys alone.

Pictures of every view are kept below SHOAL_TEST_OUTPUT, or build/test-output, to be looked at.
"""

import os
import pathlib
import re
import unittest

import browser
from agents import Agent
from browser import SCREENS, Browser
from swarm import MEBIBYTE, Swarm, random_bytes, sha256

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
PICTURES = pathlib.Path(os.environ.get("SHOAL_TEST_OUTPUT", ROOT / "build" / "test-output")) / "page"
PAGE_BYTES = 150_000

# In a content's name it would act, were it ever taken for markup.
EVIL = "<img src=x onerror=alert(1)><b>.bin"
# Slow enough that a person could do something meanwhile.
SLOW = "256 KiB"

# Text, and what it is written on. 4.5 is asked of each (WCAG 2.2, 1.4.3).
TEXT_PAIRS = [
    *((text, ground) for text in ("ink", "soft", "sea", "sea-strong", "good", "warn", "bad", "in", "out")
      for ground in ("card", "raised", "ground", "hover")),
    *((text, "chosen") for text in ("ink", "sea-strong", "warn", "bad", "in", "out")),
    ("sea-ink", "sea"), ("sea-ink", "sea-strong"), ("bad-ink", "bad"), ("notice-ink", "notice"),
]
# Graphics, and what they are told apart from. 3 is asked of each (1.4.11).
GRAPHIC_PAIRS = [
    *((colour, "track") for colour in ("sea", "good", "warn", "bad")), *((colour, "none") for colour in ("sea", "warn", "bad")),
    *((colour, "card") for colour in ("edge", "in", "out", "sea")),
]


def luminance(colour):
    channels = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


class FilesTest(unittest.TestCase):
    """What can be said of the files without a browser."""

    def scripts(self):
        return sorted(WEB.rglob("*.js"))

    def files_of(self, page):
        """What a page is made of: its index.html, which names files from the root, and what these import."""
        found = [WEB / page / "index.html"]
        for path in found:
            text = path.read_text()
            named = [WEB / name for name in re.findall(r'(?:href|src)="([^"#]+\.\w+)"', text)]
            imported = [(path.parent / name).resolve() for name in re.findall(r"from '([^']+)'", text)]
            found += [other for other in {*named, *imported} if other not in found]
        return found

    def test_the_page_of_the_agent_is_small(self):
        self.assertLess(sum(path.stat().st_size for path in self.files_of("agent")), PAGE_BYTES)

    def test_each_page_uses_all_that_is_embedded_with_it(self):
        lists = (WEB / "CMakeLists.txt").read_text()
        every = re.search(r"set\(every_page (.*?)\)", lists).group(1).split()
        for page, parts in re.findall(r"shoal_page\(\w+ \w+ (\w+) PARTS \$\{every_page\} (.*?)\)", lists):
            with self.subTest(page=page):
                own = {path for path in (WEB / page).iterdir() if path.is_file()}
                self.assertEqual(own | {WEB / "parts" / name for name in [*every, *parts.split()]}, set(self.files_of(page)))

    def test_text_never_becomes_markup_or_script(self):
        for path in self.scripts():
            self.assertNotRegex(path.read_text(), r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path)

    def test_nothing_is_inline_and_nothing_comes_from_elsewhere(self):
        for path in WEB.rglob("*.html"):
            text = path.read_text()
            self.assertNotRegex(text, r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", path)
        for path in [*WEB.rglob("*.html"), *WEB.rglob("*.css"), *self.scripts()]:
            addresses = set(re.findall(r"https?://[^\s'\"`)]+", path.read_text()))
            self.assertLessEqual(addresses, {"http://www.w3.org/2000/svg"}, path)

    def colours(self):
        """The custom properties of both schemes: [light, dark]."""
        text = (WEB / "parts" / "style.css").read_text()
        light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", scheme)) for scheme in re.findall(r":root \{(.*?)\}", text, re.DOTALL))
        return light, {**light, **dark}

    def test_every_pair_of_colours_has_contrast_enough(self):
        for colours in self.colours():
            for pairs, needed in ((TEXT_PAIRS, 4.5), (GRAPHIC_PAIRS, 3)):
                for front, back in pairs:
                    with self.subTest(front=front, back=back, on=colours[back]):
                        self.assertGreaterEqual(contrast(colours[front], colours[back]), needed)


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.swarm = cls.enterClassContext(Swarm())
        cls.contents = {
            "alpha.bin": random_bytes(6 * MEBIBYTE, 1), "beta.bin": random_bytes(3 * MEBIBYTE + 7, 2), EVIL: random_bytes(70_000, 3),
            "data-set/train/a.bin": random_bytes(4 * MEBIBYTE, 4), "data-set/train/b.bin": random_bytes(4 * MEBIBYTE, 5),
            "data-set/notes.txt": b"What this is.\n", "nightly-1.bin": random_bytes(MEBIBYTE, 6), "poster.png": random_bytes(90_000, 7),
        }
        cls.shared = cls.swarm.share("shared", cls.contents)
        private, cls.publisher = cls.swarm.make_key("publisher")
        cls.seeder = cls.swarm.start_seeder(cls.shared, "--settle=100ms", f"--sign-key={private}")
        cls.window = cls.enterClassContext(Browser())

    @classmethod
    def enterClassContext(cls, context):
        # unittest has this from Python 3.11 on, as a method that needs no import.
        value = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        return value

    def setUp(self):
        self.agent = Agent(self.swarm, self.id().rsplit(".", 1)[-1])
        self.addCleanup(self.agent.kill)
        self.window.show_as("desktop")
        self.window.open(self.agent.address)
        self.window.run("localStorage.clear(); sessionStorage.clear()")
        self.addCleanup(self.check_window, self.window)

    def check_window(self, window):
        if any(error for _, error in getattr(self._outcome, "errors", [])):
            window.screenshot(PICTURES / "failed" / f"{self.id().rsplit('.', 1)[-1]}.png")
        self.assertEqual(window.errors(), [])
        foreign = [url for url in window.requested() if not url.startswith(("http://127.0.0.1:", "data:", "about:", "chrome:"))]
        self.assertEqual(foreign, [])

    # --- what a person does ------------------------------------------------------------------------------------------

    def go(self, view):
        self.window.click(".top nav a", view)

    def finish_dialog(self, label):
        self.window.click("dialog button", label)
        self.window.wait(lambda: not self.window.all("dialog"), "the dialog closed")

    def limit(self, rate):
        """Sets the limit of receiving; empty: none."""
        self.go("Downloads")
        self.window.click("button", "Change limits")
        self.window.type("dialog input", rate)
        self.finish_dialog("Apply")

    def add(self, name):
        self.window.click("#add")
        self.window.type("dialog [role=combobox]", name)
        self.finish_dialog("Add")
        self.row(name)

    def row(self, name):
        return self.window.one(".downloads .rows .row", name)

    def state(self, name):
        return self.row(name).text

    def expect_state(self, name, text):
        self.window.wait(lambda: text in self.state(name), f"{name}: {text}")

    def choose(self, name, action):
        """From the menu of a row."""
        self.window.click(f'.downloads [aria-label="Actions for {name}"]')
        self.window.click("[role=menuitem]", action)

    def assert_same(self, name):
        self.assertEqual(sha256(self.agent.output / name), sha256(self.shared / name), name)

    # --- tests -------------------------------------------------------------------------------------------------------

    def test_empty_then_search_and_get_by_a_click(self):
        self.window.expect("No downloads yet")
        self.go("Offered")
        self.window.expect("data-set")
        self.window.type("input[type=search]", "alph")
        self.window.wait(lambda: len(self.window.all(".offers .rows .row")) == 1, "one row")
        self.window.click(".offers button", "Get")
        self.window.click(".top nav a", "Downloads")
        self.expect_state("alpha.bin", "Complete")
        self.assert_same("alpha.bin")
        self.go("Offered")
        self.window.one(".offers a", "Open")

    def test_files_are_seen_before_they_are_fetched_and_some_can_be_left_out(self):
        self.go("Offered")
        self.window.click(".offers .twist", "data-set")
        self.window.click(".files label", "b.bin")
        self.window.click(".offers .row:has(.files) button", "Get")
        self.go("Downloads")
        self.expect_state("data-set", "Complete")
        self.assert_same("data-set/train/a.bin")
        self.assertFalse((self.agent.output / "data-set/train/b.bin").exists())

    def test_who_signed_is_shown(self):
        self.go("Offered")
        short = f"{self.publisher.removeprefix('ed25519:')[:8]}…"
        self.window.expect(f"signed by {short}")
        self.assertNotIn("trusted key", self.window.text())
        followed = self.agent.command("follow", "nothing*", f"--trust={self.publisher}")
        self.assertEqual(followed.returncode, 0, followed.stderr)
        self.window.click("button", "Refresh")
        self.window.expect(f"trusted key {short}")
        self.add("beta.bin")
        self.window.click(".downloads .rows a", "beta.bin")
        self.window.expect("Signed by (trusted)")
        self.window.expect(self.publisher)

    def test_names_are_suggested(self):
        self.window.click("#add")
        self.window.type("dialog [role=combobox]", "bet")
        self.window.click("[role=option]", "beta.bin")
        self.finish_dialog("Add")
        self.expect_state("beta.bin", "Complete")
        self.assert_same("beta.bin")

    def test_pause_and_resume(self):
        self.limit(SLOW)
        self.add("alpha.bin")
        self.expect_state("alpha.bin", "Fetching")
        self.choose("alpha.bin", "Pause")
        self.expect_state("alpha.bin", "Paused")
        self.window.click(".chip", "Paused")
        self.row("alpha.bin")
        self.window.click(".chip", "All")
        self.choose("alpha.bin", "Resume")
        self.expect_state("alpha.bin", "Fetching")
        self.limit("")
        self.expect_state("alpha.bin", "Complete")
        self.assert_same("alpha.bin")

    def test_a_download_has_a_limit_of_its_own(self):
        self.limit(SLOW)
        self.add("alpha.bin")
        self.choose("alpha.bin", "Limit")
        self.window.type("dialog input", "fast")
        self.window.click("dialog button", "Apply")
        self.window.expect("is no rate")
        self.window.type("dialog input", "77 KiB")
        self.finish_dialog("Apply")
        self.window.click(".downloads .rows a", "alpha.bin")
        self.window.one(".facts", "77.0 KiB/s")
        self.window.click('[aria-label="More actions"]')
        self.window.click("[role=menuitem]", "Limit")
        self.window.type("dialog input", "")
        self.finish_dialog("Apply")
        self.window.wait(lambda: "77.0 KiB/s" not in self.window.text(), "the limit is gone")
        self.window.click('[aria-label="More actions"]')
        self.window.click("[role=menuitem]", "Limit")
        self.window.type("dialog .two label:last-child input", "88 KiB")
        self.finish_dialog("Apply")
        self.window.one(".facts", "↓ none, ↑ 88.0 KiB/s")
        self.limit("")
        self.expect_state("alpha.bin", "Complete")

    def test_several_at_once_and_remove_asks(self):
        self.limit(SLOW)
        for name in ("alpha.bin", "beta.bin", "data-set"):
            self.add(name)
        for name in ("alpha.bin", "beta.bin"):
            self.window.click(f'.downloads [aria-label="Select {name}"]')
        self.window.click(".selection button", "Pause")
        for name in ("alpha.bin", "beta.bin"):
            self.expect_state(name, "Paused")
        self.window.click(".selection button", "Remove")
        self.finish_dialog("Cancel")
        self.row("alpha.bin")
        self.window.click(".selection button", "Remove")
        self.window.click("dialog label", "Delete the files too")
        self.finish_dialog("Remove")
        self.window.wait(lambda: "alpha.bin" not in self.window.text() and "beta.bin" not in self.window.text(), "both gone")
        self.row("data-set")
        self.window.wait(lambda: [path.name for path in self.agent.output.glob("*.bin*")] == [], "no file of them")

    def test_files_priorities_peers_and_the_map_of_a_download(self):
        self.limit(SLOW)
        self.add("data-set")
        self.window.click(".downloads .rows a", "data-set")
        self.window.click(".tree label", "b.bin")
        self.window.wait(lambda: self.window.one(".tree select", "b.bin").get_property("value") == "FILE_PRIORITY_SKIP", "b.bin skipped")
        self.window.one(".tree select", "a.bin").send_keys("High")
        self.window.click("[role=tab]", "Peers")
        self.window.expect(f"127.0.0.1:{self.seeder.port}")
        self.window.click("[role=tab]", "Events")
        self.window.one(".log .row")
        self.window.run("document.querySelector('.map canvas').focus()")
        self.window.keys(browser.webdriver.common.keys.Keys.ARROW_RIGHT)
        self.window.wait(lambda: "Chunk" in self.window.one(".map output").text, "a cell of the map in words")
        self.limit("")
        self.expect_state("data-set", "Complete")
        self.assert_same("data-set/train/a.bin")
        self.assertFalse((self.agent.output / "data-set/train/b.bin").exists())
        self.window.click(".downloads .rows a", "data-set")
        save = self.window.one(".tree a", "a.bin").get_attribute("href")
        length = self.window.driver.execute_async_script(
            "fetch(arguments[0]).then((r) => r.arrayBuffer()).then((b) => arguments[1](b.byteLength))", save)
        self.assertEqual(length, 4 * MEBIBYTE)

    def test_a_shoal_file_is_dropped(self):
        file = self.swarm.root / "alpha.bin.shoal"
        saved = self.swarm.leecher("save", "alpha.bin", f"--tracker={self.swarm.tracker_url}", f"--output={file}")
        self.assertEqual(saved.returncode, 0, saved.stderr)
        self.window.drop(file)
        self.window.expect("alpha.bin.shoal")
        self.finish_dialog("Add")
        self.expect_state("alpha.bin", "Complete")
        self.assert_same("alpha.bin")

    def test_follow_a_name_and_end_it(self):
        self.go("Follow")
        self.window.expect("No name is followed")
        self.window.click(".view button", "Follow names")
        self.window.type("dialog input", "weekly-*")
        self.finish_dialog("Follow")
        self.window.one(".rules .row", "weekly-*")
        (self.shared / "weekly-7.bin").write_bytes(random_bytes(MEBIBYTE, 8))
        self.go("Downloads")
        self.expect_state("weekly-7.bin", "Complete")
        self.assert_same("weekly-7.bin")
        self.go("Follow")
        self.window.expect("1 download")
        self.window.click(".rules button", "End")
        self.window.expect("No name is followed")

    def test_the_agent_is_killed_and_comes_back_without_a_reload(self):
        self.limit(SLOW)
        self.add("alpha.bin")
        self.expect_state("alpha.bin", "Fetching")
        self.window.run("window.stayed = true")
        self.agent.kill()
        self.window.expect("The connection to the agent is lost")
        self.window.screenshot(PICTURES / "desktop-light-lost.png")
        self.assertEqual(self.window.poor_contrasts(), [])
        self.agent.start()
        self.window.wait(lambda: "connection to the agent is lost" not in self.window.text(), "the agent again")
        self.limit("")
        self.expect_state("alpha.bin", "Complete")
        self.assertTrue(self.window.run("return window.stayed"))
        self.assert_same("alpha.bin")

    def test_two_browsers_stay_in_step(self):
        with Browser() as other:
            other.open(self.agent.address)
            self.limit(SLOW)
            other.expect("↓ 256 KiB/s")
            self.add("alpha.bin")
            other.one(".downloads .rows .row", "alpha.bin")
            self.choose("alpha.bin", "Pause")
            other.expect("Paused")
            other.click('.downloads [aria-label="Actions for alpha.bin"]')
            other.click("[role=menuitem]", "Remove")
            other.click("dialog button", "Remove")
            self.window.expect("No downloads yet")
            self.check_window(other)

    def test_keys_alone(self):
        keys = browser.webdriver.common.keys.Keys
        self.window.expect("No downloads yet")
        self.window.keys(keys.TAB)
        self.assertEqual(self.window.focused(), "Skip to the content")
        self.window.keys("?")
        self.window.expect("Pause or resume")
        self.window.keys(keys.ESCAPE)
        self.window.wait(lambda: not self.window.all("dialog"), "the dialog closed")
        self.window.keys("l")
        self.window.one("dialog")
        self.window.keys("256 KiB", keys.ENTER)
        self.window.expect("↓ 256 KiB/s")
        self.window.keys("a")
        self.window.one("dialog")
        self.window.keys("alpha")
        self.window.one("[role=option]", "alpha.bin")
        self.window.keys(keys.ARROW_DOWN, keys.ENTER, keys.ENTER)
        self.row("alpha.bin")
        self.expect_state("alpha.bin", "Fetching")
        self.window.keys("j")
        self.window.wait(lambda: self.window.focused() == "alpha.bin", "the row in focus")
        self.window.keys("p")
        self.expect_state("alpha.bin", "Paused")
        self.window.keys("x")
        self.window.expect("1 download selected")
        self.window.keys("p")
        self.expect_state("alpha.bin", "Fetching")
        self.window.keys(keys.ESCAPE, "l")
        self.window.one("dialog")
        self.window.keys(keys.BACKSPACE * 20, keys.ENTER)
        self.expect_state("alpha.bin", "Complete")
        self.assert_same("alpha.bin")
        self.window.keys("j", keys.ENTER)
        self.window.expect("Content id")
        self.window.keys("2")
        self.window.one('[role=tab][aria-selected="true"]', "Peers")
        self.window.keys("g", "o")
        self.window.expect("data-set")
        self.window.keys("g", "d")
        self.row("alpha.bin")
        self.window.keys("j", keys.DELETE)
        self.window.one("dialog")
        self.window.keys(keys.ENTER)
        self.window.expect("No downloads yet")

    def test_a_name_that_would_be_markup_is_text(self):
        self.go("Offered")
        self.window.expect(EVIL)
        self.window.type("input[type=search]", "<img")
        self.window.click(".offers button", "Get")
        self.go("Downloads")
        self.expect_state(EVIL, "Complete")
        self.window.click(".downloads .rows a", EVIL)
        self.window.expect("Content id")
        self.assertEqual(self.window.run("return document.querySelectorAll('img[src=x], main b:not(.chip b)').length"), 0)

    def test_a_name_that_turns_the_direction_is_shown_as_it_is(self):
        (self.shared / "rtl\u202etxt.exe").write_bytes(random_bytes(1000, 9))
        self.go("Offered")
        self.window.wait(lambda: self.window.click("button", "Refresh") or "rtl\\u202etxt.exe" in self.window.text(), "its name")
        self.window.click(".offers .row:has([title*='u202e']) button", "Get")
        self.go("Downloads")
        self.expect_state("rtl\\u202etxt.exe", "Complete")
        self.window.click(".downloads .rows a", "rtl\\u202etxt.exe")
        self.window.expect("Content id")
        self.assertNotRegex(self.window.run("return document.documentElement.outerHTML + document.title"), "\u202e")

    def test_a_skipped_file_cannot_be_saved(self):
        self.agent.call("Add", {"name": "data-set", "exclude": ["notes.txt"]})
        self.expect_state("data-set", "Complete")
        self.window.click(".downloads .rows a", "data-set")
        self.window.expect("Files 3")
        shown = "return getComputedStyle(document.querySelector(`[aria-label='Save ${arguments[0]}']`)).visibility"
        self.assertEqual([self.window.run(shown, name) for name in ("a.bin", "notes.txt")], ["visible", "hidden"])
        self.assertEqual(self.agent.ask("GET", "/content/1/notes.txt")[0], 409)
        self.window.run("location.hash = '#/'")
        self.agent.call("Add", {"name": "nobody-has-it"})
        self.window.click(".downloads .rows a", "nobody-has-it")
        self.window.expect("Not known yet")
        self.assertNotIn("Files 3", self.window.text())

    def test_a_token_is_asked_for(self):
        token = self.swarm.root / "token"
        token.write_text("open-sesame-to-the-fleet\n")
        guarded = Agent(self.swarm, "guarded", f"--token-file={token}")
        self.addCleanup(guarded.kill)
        self.window.open(guarded.address)
        self.window.expect("This agent asks for a token")
        self.assertNotIn("not accepted", self.window.text())
        self.window.type("dialog input", "wrong")
        self.window.click("dialog button", "Continue")
        self.window.expect("The token that was given is not accepted.")
        self.window.type("dialog input", "open-sesame-to-the-fleet")
        self.window.click("dialog button", "Continue")
        self.window.expect("No downloads yet")
        self.add("beta.bin")
        self.expect_state("beta.bin", "Complete")

    def test_every_view_can_be_read_on_every_screen(self):
        self.add("beta.bin")
        self.expect_state("beta.bin", "Complete")
        self.limit(SLOW)
        self.add("data-set")
        self.add("alpha.bin")
        self.add("no-such-content.bin")
        self.expect_state("alpha.bin", "Fetching")
        self.choose("alpha.bin", "Pause")
        number = self.row("data-set").get_attribute("data-id")
        self.window.click(f'.downloads [aria-label="Select data-set"]')
        views = {"downloads": ("#/", "data-set"), "download": (f"#/download/{number}", "notes.txt"), "offered": ("#/offered", "poster.png"),
                 "follow": ("#/follow", "No name is followed"), "events": ("#/events", "data-set")}
        for view, (address, text) in views.items():
            self.window.run("location.hash = arguments[0]", address)
            self.window.expect(text)
            for screen in SCREENS:
                for scheme in ("light", "dark"):
                    with self.subTest(view=view, screen=screen, scheme=scheme):
                        self.window.show_as(screen, dark=scheme == "dark")
                        self.window.screenshot(PICTURES / f"{screen}-{scheme}-{view}.png")
                        self.assertEqual(self.window.poor_contrasts(), [])
                        self.assertEqual(self.window.nameless(), [])
                        self.assertFalse(self.window.too_wide())
        self.window.show_as("desktop", reduced_motion=True)
        self.assertEqual(self.window.run("return document.getAnimations().length"), 0)


if __name__ == "__main__":
    unittest.main()
