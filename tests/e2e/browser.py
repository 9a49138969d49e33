"""Debian's chromium without a screen, for tests of pages: what a person sees, does and hears of, and what the browser asks for.

It reaches nothing but the loopback.
"""

import base64
import json
import pathlib
import shutil
import time

from swarm import PATIENCE

try:
    from selenium import webdriver
    from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
    from selenium.webdriver import ActionChains
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
except ImportError:
    webdriver = None

# Name -> width, height: where the pages look different.
SCREENS = {"desktop": (1440, 900), "tablet": (834, 1112), "phone": (390, 844)}

# Returns the contrast of every text that is seen, worst first: [[contrast, needed, text, path of the element], ...]. Large
# text needs 3, all other 4.5 (WCAG 2.2, 1.4.3). What is disabled is exempt.
CONTRASTS = r"""
const parse = (text) => { const m = /rgba?\(([^)]+)\)/.exec(text); const [r, g, b, a = 1] = m[1].split(/[ ,\/]+/).filter(Boolean).map(Number); return [r, g, b, a]; };
const over = ([r, g, b, a], below) => [r, g, b].map((value, i) => value * a + below[i] * (1 - a));
const luminance = (rgb) => { const [r, g, b] = rgb.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
const ground = (element) => {
  if (!element) return [255, 255, 255];
  const colour = parse(getComputedStyle(element).backgroundColor);
  return colour[3] === 1 ? colour.slice(0, 3) : over(colour, ground(element.parentElement));
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || !element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
  if (element.closest('.unseen, :disabled, option, noscript')) continue;
  const style = getComputedStyle(element);
  let opacity = 1;
  for (let at = element; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
  const behind = ground(element);
  const text = parse(style.color);
  text[3] *= opacity;
  const [a, b] = [luminance(over(text, behind)), luminance(behind)].sort((x, y) => y - x);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  let path = '';
  for (let at = element, i = 0; at && i < 3; at = at.parentElement, ++i) path = `${at.localName}.${at.className.baseVal ?? at.className} ${path}`;
  found.push([(a + .05) / (b + .05), large ? 3 : 4.5, node.data.trim().slice(0, 40), path]);
}
return found.sort((x, y) => x[0] / x[1] - y[0] / y[1]);
"""

# Roles whose elements a person uses, and which so need a name.
USED_ROLES = {"button", "link", "checkbox", "textbox", "searchbox", "combobox", "tab", "menuitem", "image", "progressbar", "dialog"}


def why_unavailable():
    """Why no browser can be driven here; empty: it can."""
    if webdriver is None:
        return "python3-selenium is not installed"
    for name in ("chromium", "chromedriver"):
        if shutil.which(name) is None:
            return f"{name} is not installed"
    return ""


class Browser:
    """One window. A context manager."""

    def __init__(self, screen="desktop", dark=False):
        options = Options()
        options.binary_location = shutil.which("chromium")
        width, height = SCREENS[screen]
        # Names are not resolved at all, so nothing can be reached but by an address on the loopback.
        for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en-GB",
                     "--disable-background-networking", "--disable-component-update", "--no-first-run", "--autoplay-policy=no-user-gesture-required",
                     "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--window-size={width},{height}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.requests = []
        self.show_as(screen, dark)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def show_as(self, screen, dark=False, reduced_motion=False):
        width, height = SCREENS[screen]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": screen == "phone"})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"}]})

    def open(self, address):
        self.driver.get(address)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition, what):
        """Waits until `condition()` is true, and returns its value. An element that was replaced meanwhile, or that another one
        covers still, counts as false."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if value := condition():
                    return value
            except (ElementClickInterceptedException, StaleElementReferenceException):
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"the page never showed {what}; it shows:\n{self.text()[:4000]}")
            time.sleep(0.05)

    def text(self):
        """What is seen."""
        return self.run("return document.body.innerText")

    def expect(self, text):
        self.wait(lambda: text in self.text(), repr(text))

    def all(self, selector):
        return [element for element in self.driver.find_elements(By.CSS_SELECTOR, selector) if element.is_displayed()]

    def one(self, selector, text=""):
        """Waits for the first element that is seen and whose text or label contains `text`."""
        def found():
            return next((element for element in self.all(selector)
                         if text in element.text or text in (element.get_attribute("aria-label") or "")), None)
        return self.wait(found, f"{selector} with {text!r}")

    def click(self, selector, text=""):
        def clicked():
            element = self.one(selector, text)
            self.run("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True
        self.wait(clicked, f"{selector} with {text!r} to click at")

    def type(self, selector, text):
        field = self.one(selector)
        field.clear()
        field.send_keys(text)

    def keys(self, *keys):
        """Presses keys where the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        """The label or text of what has the focus."""
        return self.run("const e = document.activeElement; return e.getAttribute('aria-label') || e.innerText || e.placeholder || e.id || e.localName")

    def drop(self, path):
        """Drops a file on the page, as from a file manager."""
        self.run("""
            const bytes = Uint8Array.from(atob(arguments[1]), (c) => c.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], arguments[0]));
            for (const kind of ['dragenter', 'dragover', 'drop'])
              document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
            """, pathlib.Path(path).name, base64.b64encode(pathlib.Path(path).read_bytes()).decode())

    def screenshot(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.driver.get_screenshot_as_png())

    def errors(self):
        """What the console said at level "error" since the last call, but for requests that got no answer or a refusal: the page
        reports those itself."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and entry.get("source") != "network"]

    def requested(self):
        """All addresses that the browser asked for so far."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        return self.requests

    def poor_contrasts(self):
        return [entry for entry in self.run(CONTRASTS) if entry[0] < entry[1]]

    def nameless(self):
        """What can be used and has no name for a screen reader."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        return [node for node in nodes if not node.get("ignored") and node.get("role", {}).get("value") in USED_ROLES
                and not node.get("name", {}).get("value", "").strip()]

    def too_wide(self):
        """Whether the page has to be moved sideways."""
        return self.run("return document.documentElement.scrollWidth > document.documentElement.clientWidth")
