"""What a person does on the page, and what must be seen then."""

import json

import readers
from browse import ask

STREAMS = "return [...document.querySelectorAll('.pane')].map(p => p.dataset.stream)"
LAST = ".pane:last-of-type "


def live(page):
    """A run from its start to its end: text that streams, a call, a question, messages, a new direction."""
    page.sees("No run yet")
    page.start("go", agent="demo", label="the demo")
    # Text is there before its block is complete.
    page.sees("I'll run", ".pane .text")
    assert "before" not in page.js("return document.querySelector('.pane .items').innerText")
    page.sees("working", ".pane .chip")
    page.sees("cargo test --quiet", ".call .title")
    page.wait("return document.querySelector('.call.ok[data-call=toolu_02]')")
    assert not page.js("return document.querySelector('[data-call=toolu_02]').open")
    page.click("[data-call=toolu_02] > summary")
    page.sees("pub fn brix", "[data-call=toolu_02] pre")
    page.sees("+((gravity - 1.0) * 2_476.0)", "pre.diff ins")
    page.sees("completed", ".end .outcome")
    page.sees("completed", ".pane .chip")
    page.sees("$0.0412", ".end")
    page.sees("15k tokens · $0.0412", "#list")
    # The code block of the answer is one, and has no marks of Markdown.
    code = page.js("return document.querySelector('pre.code').textContent")
    assert code.startswith("pub fn brix") and "`" not in code, code

    page.start("hold ask Bash", agent="claude")
    page.sees("May the agent use Bash?", ".question")
    # What would be done is shown, and not the agent's words for it alone.
    page.sees("command: ls", ".question pre")
    # No field hides another one.
    script = """const done = arguments[0], input = {command: "rm", old_string: "a", new_string: "b", type: "text", text: "c"};
      import("./page/tool.js").then(tool => done(tool.allFields(input)), error => done(String(error)))"""
    shown = page.call("POST", "/execute/async", {"script": script, "args": []})
    assert shown == "command: rm\nold_string: a\nnew_string: b\ntype: text\ntext: c", shown
    page.sees("asks for permission", ".pane .chip")
    page.wait("return document.title.startsWith('(1)')")
    page.js("const allow = document.querySelector('.question .main'); for (let n = 0; n < 3; n++) allow.click()")
    page.sees("Bash allowed.", LAST + ".items")
    page.wait("return !document.querySelector('.question')")
    assert page.js("return [...document.querySelectorAll('.pane > .problem')].every(e => e.textContent === '')")
    page.write(LAST + "textarea", "and this")
    page.click_text("Send")
    page.sees("and this", LAST + ".message")
    page.wait("return document.querySelector('.pane:last-of-type textarea').value === ''")
    page.write(LAST + "textarea", "ask Edit go")
    page.click_text("Stop, and do this instead")
    page.sees("cancelled", LAST + ".end .outcome")
    page.sees("May the agent use Edit?", ".question")
    page.click_text("Deny", ".question")
    page.sees("Edit denied.", LAST + ".items")
    page.sees("completed", LAST + ".end .outcome")
    # Its raw events are one click away.
    page.js("document.querySelector('.pane:last-of-type .is-message .raw').focus()")
    page.press("Enter")
    page.sees('"kind":"message"', "#raw-events")
    page.press("Escape")
    page.click_text("History")
    page.sees("permit", "#operations")
    page.click_text("Close", "#history")
    page.click_text("Status")
    page.sees("of at most 8", "#facts")
    page.click_text("Close", "#status")
    page.clean()


def beside(page):
    """Three runs side by side, a second tab, a phone, the keyboard alone, dark, without motion."""
    page.size(1500, 900)
    for name in ["one", "two", "three"]:
        page.start(f"hold {name}", agent="claude", label=name)
        page.sees("I have read it.", LAST + ".items")
    rows = "return [...document.querySelectorAll('#list li:not([hidden]) b')].map(e => e.innerText)"
    page.wait(rows + ".join() === 'three,two,one'")
    page.click("#list li:nth-child(2) .beside")
    page.click("#list li:nth-child(3) .beside")
    page.wait(STREAMS + ".length === 3")
    page.wait("return [...document.querySelectorAll('.pane')].every(p => p.innerText.includes('I have read it.'))")
    page.fits()
    streams = page.js(STREAMS)
    # A message goes to one of them alone.
    page.write(f"[data-stream='{streams[1]}'] textarea", "only here")
    page.press("Control", "Enter")
    page.sees("only here", f"[data-stream='{streams[1]}'] .message")
    assert page.js("return document.querySelectorAll('.message').length") == 4

    first = page.call("GET", "/window")
    tab = page.call("POST", "/window/new", {"type": "tab"})["handle"]
    page.call("POST", "/window", {"handle": tab})
    page.visit()
    page.click("#list li:nth-child(1) .run")
    page.write(LAST + "textarea", "from the other tab")
    page.press("Control", "Enter")
    page.sees("from the other tab", ".message")
    assert page.js("return document.querySelectorAll('.message').length") == 2
    page.clean()
    page.call("DELETE", "/window")
    page.call("POST", "/window", {"handle": first})
    page.sees("from the other tab", ".message")

    page.call("POST", "/refresh", {})
    page.wait(STREAMS + ".join() === arguments[0]", ",".join(streams))
    page.wait("return document.querySelectorAll('.message').length === 5")

    page.size(390, 844, prefers_color_scheme="dark", prefers_reduced_motion="reduce")
    page.fits()
    assert page.js("return getComputedStyle(document.querySelector('.dot')).animationName") == "none"
    assert page.js("return getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)"
    visible = "return [...document.querySelectorAll('.pane')].filter(p => p.checkVisibility()).length"
    assert page.js(visible) == 1 and not page.js("return document.getElementById('side').checkVisibility()")
    page.click(".pane:last-of-type .back")
    page.wait("return document.getElementById('side').checkVisibility()")
    page.fits()
    page.click("#list li:nth-child(2) .run")
    page.sees("only here" if page.js(STREAMS) == [streams[1]] else "I have read it.", ".pane")
    page.fits()
    page.click(".pane .back")

    page.size(1200, 800)
    keyboard(page)
    page.clean()


def keyboard(page):
    """Everything without a mouse."""
    page.js("document.activeElement.blur()")
    row = "return document.activeElement.closest('#list li') === document.querySelector('#list li:nth-child(%d)')"
    page.press("j")
    page.press("j")
    page.wait(row % 2)
    page.press("ArrowDown")
    page.wait(row % 3)
    page.press("ArrowUp")
    page.press("Enter")
    page.wait(STREAMS + ".length === 1")
    page.press("k")
    page.wait(row % 1)
    page.press("b")
    page.wait(STREAMS + ".length === 2")
    page.press("m")
    page.press("Tab")
    # With no text "Stop" is the next button that can be pressed.
    page.wait("return document.activeElement.innerText === 'Stop'")
    page.press("Enter")
    page.sees("cancelled", LAST + ".end .outcome")
    page.press("x")
    page.wait(STREAMS + ".length === 1")
    page.press("n")
    page.wait("return document.activeElement.id === 'start-prompt'")
    for key in "go":
        page.press(key)
    page.press("Control", "Enter")
    page.wait("return !document.getElementById('start').open")
    page.sees("I'll run the tests first", ".pane .text")
    page.press("?")
    page.sees("to the end of the run", "#keys")
    page.press("Escape")
    page.wait("return !document.getElementById('keys').open")


def wander(page):
    """Back and forward, texts that were not sent, a run that does not exist, a run that is over."""
    page.js("location.hash = 'run=nosuch'")
    page.sees("There is no such run", ".pane .problem")
    page.start("hold one", agent="claude", label="one")
    page.wait(STREAMS + ".length === 1 && !document.querySelector('[data-stream=nosuch]')")
    page.sees("I have read it.", LAST + ".items")
    page.write(LAST + "textarea", "not sent yet")
    page.start("go", agent="demo", label="two")
    page.sees("two", ".pane h1")
    page.call("POST", "/back", {})
    page.sees("one", ".pane h1")
    page.wait("return document.querySelector('.pane textarea').value === 'not sent yet'")
    page.sees("I have read it.", LAST + ".items")
    page.call("POST", "/forward", {})
    page.sees("two", ".pane h1")
    page.sees("completed", ".pane .chip")
    # A run that is over can be started again with its prompt.
    page.click_text("New run…", ".pane")
    page.wait("return document.getElementById('start-prompt').value === 'go' && document.getElementById('start-agent').value === 'demo'")
    page.press("Escape")
    page.write("#filter", "two demo")
    page.wait("return [...document.querySelectorAll('#list li:not([hidden]) b')].map(e => e.innerText).join() === 'two'")
    page.call("POST", "/refresh", {})
    page.sees("two", ".pane h1")
    # A message is sent once, however often it is clicked.
    page.click_text("Keys")
    page.press("Escape")
    page.call("POST", "/back", {})
    page.wait("return document.querySelector('.pane textarea').value === 'not sent yet'")
    page.js("const send = [...document.querySelectorAll('.pane button')].find(b => b.innerText === 'Send'); for (let n = 0; n < 5; n++) send.click()")
    page.sees("not sent yet", ".message")
    page.js("document.querySelector('.pane textarea').value = ''")
    page.click_text("Stop", ".pane")
    page.sees("cancelled", LAST + ".end .outcome")
    page.sees("cancelled", LAST + ".chip")
    assert page.js("return document.querySelectorAll('.message').length") == 2
    page.clean(expected=["404 (Not Found)"])


def outage(page):
    """The server dies and comes back: the page says so, and goes on without loss or double."""
    page.start("go", agent="count", label="counts")
    page.sees("line 3\n", ".pane .text")
    assert ask("kill") == "killed"
    page.sees("No connection", "#lost")
    page.sees("Trying again", "#lost")
    assert ask("lines") == "written"
    assert ask("start") == "started"
    page.click("#retry")
    page.wait("return document.getElementById('lost').hidden")
    page.sees("line 9\n", ".pane .text")
    page.sees("completed", ".end .outcome")
    text = page.js("return [...document.querySelectorAll('.pane .text')].map(e => e.textContent).join('')")
    assert text == "".join(f"line {n}\n" for n in range(10)), text
    # What the browser itself says of requests that nobody answers.
    page.clean(expected=["net::ERR_", "Failed to load resource"])


def sign_in(page, token):
    """Without a token the page asks for it."""
    page.sees("Sign in", "#sign-in h2")
    page.write("#token", "wrong")
    page.press("Enter")
    page.sees("The server has refused this token.", "#sign-in")
    page.write("#token", token)
    page.press("Enter")
    page.wait("return !document.getElementById('sign-in').open")
    page.sees("No run yet")
    assert token not in page.js("return document.documentElement.outerHTML + location.href")
    page.clean(expected=["401 (Unauthorized)"])


SCAN = """
const all = [...document.body.querySelectorAll("*")];
return {
  ran: window.ran === true,
  tags: [...new Set(all.map(e => e.localName))],
  handlers: all.flatMap(e => [...e.attributes]).filter(a => a.name.startsWith("on")).length,
  links: [...document.querySelectorAll("a")].map(a => [a.href, a.rel, a.target]),
  hidden: /[\\u0000-\\u0008\\u000b-\\u001f\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.textContent),
};
"""


def hostile(page, stream):
    """Text of an agent in every field is text."""
    page.click(f"#list [data-stream='{stream}'] .run")
    page.sees("THE END", ".items")
    tags = set()

    def scan():
        page.js("for (const details of document.querySelectorAll('.items details')) details.open = true")
        page.wait("return new Promise(next => requestAnimationFrame(() => requestAnimationFrame(() => next(true))))")
        page.fits()
        found = page.js(SCAN)
        assert not found["ran"] and found["handlers"] == 0 and not found["hidden"], found
        tags.update(found["tags"])
        for href, rel, target in found["links"]:
            assert href.startswith(("http://", "https://", "mailto:")) and "noopener" in rel and target == "_blank", href

    for width, height in [(390, 844), (1200, 800)]:
        page.size(width, height)
        scan()
        page.scroll("box.scrollTop = 0")
        page.sees("Turn 1", ".items h2")
        # The long texts are thousands of lines: behind the beginning it goes on in large steps until the many calls are there.
        for step in [3] * 12 + [30] * 60:
            scan()
            if page.js("return [...document.querySelectorAll('.call .title')].some(e => /^[0-9]+$/.test(e.textContent))"):
                break
            page.scroll("box.scrollTop += arguments[0] * box.clientHeight", step)
        else:
            raise AssertionError("the calls did not come: " + page.js("return document.querySelector('.items').innerText.slice(-500)"))
    bad = tags & {"script", "style", "iframe", "object", "embed", "img", "image", "video", "audio", "base", "meta", "link", "form-x", "math", "marquee"}
    assert not bad, bad
    # Nothing but the two forms of the page itself.
    assert page.js("return document.querySelectorAll('form').length") == 2
    page.click_text("History")
    page.sees("start", "#operations")
    page.click_text("Close", "#history")
    assert not page.js("return window.ran === true")
    page.clean()


READ = """
// Everything that the items show, gathered on the way from the top to the end.
const [stream, done] = arguments;
const pane = document.querySelector(`.pane[data-stream="${stream}"]`), box = pane.querySelector(".items");
const seen = new Map(), frame = () => new Promise(next => requestAnimationFrame(() => requestAnimationFrame(next)));
const text = (element, selector) => element.querySelector(selector)?.textContent ?? "";
const look = () => {
  for (const item of box.querySelectorAll(".item, .group > .hidden")) {
    const at = Number(item.dataset.at), of = item.dataset.stream;
    const call = item.querySelector("[data-call]"), end = item.querySelector(".end");
    if (call) seen.set(at, {of, call: call.dataset.call, name: text(call, ".name"), title: text(call, ".title"), mark: text(call, ".mark"),
      words: [...call.querySelector(".words").childNodes].filter(n => n.nodeType === 3).map(n => n.data).join("")});
    else if (end) seen.set(at, {of, turn: Number(end.dataset.turn), outcome: end.dataset.outcome, usage: text(end, ".usage"),
      times: Object.fromEntries([...end.querySelectorAll("[data-ms]")].map(l => [l.dataset.class, Number(l.dataset.ms)]))});
    else if (item.querySelector(".text")) seen.set(at, {of, kind: item.matches(".is-reasoning") ? "reasoning" : "answer", text: text(item, ".text")});
  }
};
(async () => {
  pane.querySelector(".menu > summary").click();
  const plain = [...pane.querySelectorAll(".menu button")].find(b => b.textContent.startsWith("Show Markdown"));
  if (plain.getAttribute("aria-pressed") === "false") plain.click();
  box.dispatchEvent(new WheelEvent("wheel"));
  box.scrollTop = 0;
  for (let last = -1; box.scrollTop !== last;) {
    await frame(), await frame();
    for (const fold of box.querySelectorAll(".think")) fold.open = true;
    await frame(), await frame();
    look();
    last = box.scrollTop;
    box.scrollTop += box.clientHeight / 2;
  }
  done([...seen].sort((a, b) => a[0] - b[0]).map(([, item]) => item));
})().catch(error => done(String(error.stack)));
"""


def recorded(page, folder, *streams):
    """The items of each run show what the other readers read."""
    for stream in streams:
        page.click(f"#list [data-stream='{stream}'] .run")
        page.wait("return document.querySelector('.pane').dataset.stream === arguments[0] && document.querySelector('.end')", stream)
        page.sees("exited with status 0", ".items")
        found = page.call("POST", "/execute/async", {"script": READ, "args": [stream]})
        assert isinstance(found, list), found
        calls, turns = readers.compare(folder, stream, found)
        print(f"{stream}: {calls} calls, {turns} turns")
    page.clean()


def long(page, stream, events):
    """A run of many events, and many runs: few elements, little memory."""
    page.wait("return document.querySelectorAll('#list li').length >= 50")
    page.click(f"#list [data-stream='{stream}'] .run")
    page.sees("THE END", ".items")
    page.scroll("box.scrollTop = box.scrollHeight / 2")
    for _ in range(30):
        page.scroll("box.scrollBy(0, -700)")
        page.wait("return new Promise(next => requestAnimationFrame(() => next(true)))")
        assert page.js("return document.querySelectorAll('.items *').length") < 20_000
    page.wait("return document.querySelectorAll('.item').length > 10")
    page.cdp("HeapProfiler.collectGarbage")
    heap = page.js("return performance.memory.usedJSHeapSize")
    print(json.dumps({"heap": heap, "tasks": page.js("return window.tasks"), "height": page.js("return document.querySelector('.items').scrollHeight")}))
    page.scroll("box.scrollTop = 0")
    page.sees("THE BEGINNING", ".items")
    page.click_text("↓ To the end")
    page.sees("THE END", ".items")
    page.clean()


def accessible(page, axe, stream):
    """axe finds nothing serious in any state of the page."""
    source = open(axe).read()

    def check(state):
        # The checker is no part of the page: the driver puts it beside the page's policy.
        page.call("POST", "/execute/sync", {"script": source + ";window.axe = axe", "args": []})
        found = page.call("POST", "/execute/async", {"script": "const done = arguments[0]; axe.run().then(done, e => done({violations: [{impact: 'critical', id: String(e), nodes: []}]}))", "args": []})
        serious = [(v["id"], [(n["target"], n.get("failureSummary")) for n in v["nodes"]]) for v in found["violations"] if v["impact"] in ("serious", "critical")]
        assert serious == [], f"{state}: {serious}"

    page.size(1300, 900)
    page.sees("demo run", "#list")
    check("list")
    page.click(f"#list [data-stream='{stream}'] .run")
    page.sees("completed", ".end")
    page.js("for (const details of document.querySelectorAll('.items details')) details.open = true")
    check("run")
    page.size(1300, 900, prefers_color_scheme="dark")
    check("dark")
    page.start("hold ask Bash", agent="claude")
    page.sees("May the agent use Bash?", ".question")
    check("question")
    page.click_text("Allow", ".question")
    page.size(390, 844)
    check("phone")
    page.size(1300, 900)
    page.click_text("New run")
    page.click("#start details summary")
    check("start")
    page.press("Escape")
    for name in ["History", "Status", "Keys"]:
        page.click_text(name)
        page.sees("Close", f"#{name.lower()}")
        check(name)
        page.press("Escape")
    page.clean()
