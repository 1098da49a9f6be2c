"""Uses the server's page in a headless Chromium, as a person would: real clicks and keys.

Usage: browse.py FOLDER STEPS URL [ARGUMENT...]   carries out one of the functions of steps.py

A line on stdout asks the test for something, and a line on stdin says that it is done."""

import base64
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import browser  # noqa: E402

WITHIN = 60
KEYS = {"Enter": "\ue007", "Control": "\ue009", "Escape": "\ue00c", "Tab": "\ue004", "ArrowDown": "\ue015", "ArrowUp": "\ue013", "Shift": "\ue008"}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

# Notes what the policy refuses, and tasks that keep the page busy.
WATCH = """
window.refused = []; window.tasks = [];
document.addEventListener("securitypolicyviolation", event => refused.push(event.violatedDirective + " " + event.blockedURI));
new PerformanceObserver(list => tasks.push(...list.getEntries().map(e => e.duration))).observe({type: "longtask", buffered: true});
"""


class Page(browser.Driver):
    """A tab with the page, and others."""

    def __init__(self, folder, url):
        super().__init__(folder)
        self.url = url
        self.visit()

    def visit(self):
        """Opens the page in this tab."""
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        self.call("POST", "/url", {"url": self.url})

    def js(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, *arguments):
        """Waits until a script gives something, and returns that."""
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            if found := self.js(script, *arguments):
                return found
            time.sleep(0.02)
        shown = self.js("return document.body.innerText")
        raise AssertionError(f"waited in vain for: {script} {arguments}\nthe page shows:\n{shown[-3000:]}")

    def sees(self, text, within="body"):
        """Waits for a text that can be seen."""
        return self.wait("return [...document.querySelectorAll(arguments[1])].some(e => e.checkVisibility() && e.innerText.includes(arguments[0]))", text, within)

    def find(self, selector):
        self.wait("return [...document.querySelectorAll(arguments[0])].some(e => e.checkVisibility())", selector)
        return self.js("return [...document.querySelectorAll(arguments[0])].find(e => e.checkVisibility())", selector)[ELEMENT]

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click", {})

    def click_text(self, text, within="body"):
        """Clicks the button with this text."""
        script = """return [...document.querySelectorAll(arguments[1] + " button, " + arguments[1] + " summary")]
          .find(e => e.checkVisibility() && !e.disabled && e.innerText.trim() === arguments[0])"""
        self.wait(script + " && true", text, within)
        self.call("POST", f"/element/{self.js(script, text, within)[ELEMENT]}/click", {})

    def write(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def scroll(self, script, *arguments):
        """Moves the items as a wheel does, by a script."""
        wheel = "const box = document.querySelector('.items'); box.dispatchEvent(new WheelEvent('wheel'));"
        self.js(wheel + script, *arguments)

    def press(self, *keys):
        """Presses keys together: the first ones are held."""
        keys = [KEYS.get(key, key) for key in keys]
        actions = [{"type": "keyDown", "value": key} for key in keys] + [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def size(self, width, height, **features):
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.cdp("Emulation.setEmulatedMedia", features=features)
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def shoot(self, path):
        picture = self.cdp("Page.captureScreenshot", captureBeyondViewport=False)
        pathlib.Path(path).write_bytes(base64.b64decode(picture["data"]))

    def start(self, prompt, agent=None, label=None):
        """Starts a run by the dialog."""
        self.click_text("New run")
        if agent:
            self.wait("return [...document.querySelectorAll('#start-agent option')].some(o => o.value === arguments[0])", agent)
            self.js("document.getElementById('start-agent').value = arguments[0]", agent)
        self.write("#start-prompt", prompt)
        if label:
            if not self.js("return document.querySelector('#start details').open"):
                self.click("#start details summary")
            self.write("#start-label", label)
        self.click("#start-go")
        self.wait("return !document.getElementById('start').open")

    def fits(self):
        """The page is never wider than its window."""
        wide = self.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{wide} pixels are outside the window"

    def clean(self, expected=()):
        """Nothing was refused, nothing was fetched from elsewhere, and the console is empty but for what is expected."""
        refused = self.js("return window.refused")
        assert refused == [], refused
        console = [entry["message"] for entry in self.log("browser")]
        console = [line for line in console if not any(word in line for word in expected)]
        assert console == [], console
        origin = self.url.split("#")[0]
        for entry in self.log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                # The first page of the browser itself is no page of ours.
                if url.startswith("chrome"):
                    continue
                assert url.startswith((origin, "data:", "blob:" + origin)), url


def ask(what):
    """Asks the test for something; what it answers."""
    print(what, flush=True)
    return sys.stdin.readline().strip()


def main():
    import steps

    # So that the browser goes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder, name, url, *arguments = sys.argv[1:]
    page = Page(folder, url)
    try:
        getattr(steps, name)(page, *arguments)
    finally:
        page.quit()


if __name__ == "__main__":
    main()
