"""Opens pages in a headless Chromium through chromedriver (W3C WebDriver) and prints what happened, a line of JSON for each page.

Usage: browser.py FOLDER PAGE...       looks at each page
       browser.py FOLDER --shoot PAGE  writes pictures of a page: light, dark, narrow, printed
       browser.py FOLDER --cast PAGE=SECONDS,...
                                       plays each page's asciicast: its screens at these times and at its end
"""

import base64
import http.client
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1100,1400",
]

# Counts what a page must not have, tries to run a script, and reads the numbers of each turn's timeline back.
PROBE = r"""
const all = [...document.querySelectorAll("*")];
const script = document.createElement("script");
script.textContent = "window.ran = true";
document.body.append(script);
script.remove();
const image = new Image();
image.setAttribute("onerror", "window.ran = true");
image.src = "x:";
document.body.append(image);
const names = ["start", "model", "tools", "waiting for permission", "retries", "other"];
return {
  ran: window.ran === true,
  scripts: document.querySelectorAll("script, iframe, object, embed, link, base, img, form").length - 1,
  handlers: all.flatMap(e => [...e.attributes]).filter(a => a.name.startsWith("on") && a.ownerElement !== image).length,
  styles: all.filter(e => e.hasAttribute("style")).length,
  links: [...document.querySelectorAll("a")].map(a => [a.getAttribute("href"), a.rel]),
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  sections: document.querySelectorAll("section.turn").length,
  ends: document.querySelectorAll("footer.end").length,
  times: [...document.querySelectorAll("footer.end")].map(f => Object.fromEntries(
    [...f.querySelectorAll("li[data-ms]")].map(l => [l.firstChild.nextSibling.data.trim(), Number(l.dataset.ms)]))),
  text: document.body.innerText.length,
  title: document.title,
};
"""

# Seeks to each time and reads the screen: for each row the texts and the columns at which they stand.
PLAY = r"""
const [times, done] = arguments, errors = [], silent = () => {};
const logger = {log: silent, debug: silent, info: silent, warn: (...e) => errors.push(e.join(" ")), error: (...e) => errors.push(e.join(" "))};
const frame = () => new Promise(next => requestAnimationFrame(next));
const screen = () => [...document.querySelector(".ap-term-text").children].map(
  row => [...row.children].map(span => [Number(span.style.getPropertyValue("--offset")), span.textContent]));
(async () => {
  // The driver may come back before the scripts of the page have run.
  if (document.readyState !== "complete") await new Promise(next => addEventListener("load", next));
  const player = AsciinemaPlayer.create({data: cast}, document.getElementById("player"), {logger, controls: false});
  const screens = [];
  await player.seek(0);
  for (const time of [...times, player.getDuration()]) {
    await player.seek(time);
    await frame(), await frame();
    screens.push(screen());
  }
  return {duration: player.getDuration(), screens};
})().then(found => done({errors, ...found}), error => done({errors: [...errors, String(error)], screens: []}));
"""

# Categories of trace events that the log of performance has; none costs anything unless it is set.
TRACED = ""


class Driver:
    """A chromedriver and one session of it."""

    def __init__(self, folder):
        self.process = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                self.port = int(found.group(1))
                break
        else:
            sys.exit("chromedriver does not start")
        options = {"args": [*ARGUMENTS, "--user-data-dir=" + tempfile.mkdtemp(dir=folder)], "perfLoggingPrefs": {"enableNetwork": True}}
        if TRACED:
            options["perfLoggingPrefs"]["traceCategories"] = TRACED
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = ""
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, self.session + path, json.dumps(body) if body is not None else None)
        value = json.loads(connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(value["message"])
        return value

    def cdp(self, name, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def log(self, kind):
        return self.call("POST", "/se/log", {"type": kind})

    def open(self, page):
        self.call("POST", "/url", {"url": pathlib.Path(page).absolute().as_uri()})

    def quit(self):
        try:
            self.call("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait()


def look(driver, page):
    """What the page does, and after that what a script in it may do."""
    driver.call("POST", "/url", {"url": "about:blank"})
    driver.log("browser"), driver.log("performance")
    driver.open(page)
    console = [entry["message"] for entry in driver.log("browser")]
    requests = []
    for entry in driver.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            requests.append(message["params"]["request"]["url"][:300])
    found = driver.call("POST", "/execute/sync", {"script": PROBE, "args": []})
    driver.cdp("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False)
    narrow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found["wide_on_a_phone"] = driver.call("POST", "/execute/sync", {"script": narrow, "args": []})
    driver.cdp("Emulation.clearDeviceMetricsOverride")
    refused = [entry["message"] for entry in driver.log("browser") if "Content Security Policy" in entry["message"]]
    return {"page": page, "console": console, "requests": requests, "refused": len(refused), **found}


def play(driver, page, times):
    driver.call("POST", "/url", {"url": "about:blank"})
    driver.log("browser")
    driver.open(page)
    found = driver.call("POST", "/execute/async", {"script": PLAY, "args": [[float(time) for time in times if time]]})
    return {"page": page, "console": [entry["message"] for entry in driver.log("browser")], **found}


def shoot(driver, page, folder):
    stem = pathlib.Path(folder, pathlib.Path(page).stem)
    for name, scheme, width in [("light", "light", 1100), ("dark", "dark", 1100), ("phone", "light", 390)]:
        driver.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        driver.cdp("Emulation.setDeviceMetricsOverride", width=width, height=1400, deviceScaleFactor=1, mobile=False)
        driver.open(page)
        picture = driver.cdp("Page.captureScreenshot", captureBeyondViewport=False)
        pathlib.Path(f"{stem}.{name}.png").write_bytes(base64.b64decode(picture["data"]))
    paper = driver.call("POST", "/print", {"background": True})
    pathlib.Path(f"{stem}.pdf").write_bytes(base64.b64decode(paper))


def main():
    # So that the browser goes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder, *pages = sys.argv[1:]
    driver = Driver(folder)
    try:
        if pages[0] == "--shoot":
            for page in pages[1:]:
                shoot(driver, page, folder)
        elif pages[0] == "--cast":
            for page, times in (argument.split("=") for argument in pages[1:]):
                print(json.dumps(play(driver, page, times.split(","))))
        else:
            for page in pages:
                print(json.dumps(look(driver, page)))
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
