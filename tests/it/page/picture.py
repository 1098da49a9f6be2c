#!/usr/bin/env python3
"""Takes the picture of the page for the README.

Usage: picture.py [--all FOLDER] [BINARY]   writes docs/page.png, or with --all a picture of each state; the binary is
                                            target/release/spile unless another one is named"""

import os
import pathlib
import subprocess
import sys
import tempfile

import browse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent

# An agent of the Agent Client Protocol that asks before it pushes.
ASKS = r"""
import json, sys
def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
def update(**update):
    send(method="session/update", params={"sessionId": "s1", "update": update})
for line in sys.stdin:
    m = json.loads(line)
    method = m.get("method")
    if method == "initialize":
        send(id=m["id"], result={"protocolVersion": 1, "agentCapabilities": {}, "authMethods": []})
    elif method == "session/new":
        send(id=m["id"], result={"sessionId": "s1"})
    elif method == "session/prompt":
        prompt = m["id"]
        update(sessionUpdate="agent_thought_chunk", content={"type": "text", "text": "The changelog has to name the fix before the tag is made."})
        update(sessionUpdate="plan", entries=[{"content": "Write the changelog", "status": "completed"}, {"content": "Tag the release", "status": "completed"}, {"content": "Push the tag", "status": "in_progress"}])
        for n, title in enumerate(["CHANGELOG.md", "git tag v1.4.0"]):
            kind = "execute" if n else "read"
            update(sessionUpdate="tool_call", toolCallId=f"c{n}", title=title, kind=kind, status="in_progress")
            update(sessionUpdate="tool_call_update", toolCallId=f"c{n}", status="completed", content=[{"type": "content", "content": {"type": "text", "text": "done"}}])
        text = "The changelog names the fix of `brix`, and the tag is made:\n\n| file | change |\n|---|---|\n| `CHANGELOG.md` | 1.4.0, with two entries |\n| `Cargo.toml` | version 1.4.0 |\n\nOne step is left: **push the tag**.\n"
        update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": text})
        call = {"toolCallId": "c9", "title": "git push origin v1.4.0", "kind": "execute", "status": "pending"}
        update(sessionUpdate="tool_call", **call)
        send(id=7, method="session/request_permission", params={"sessionId": "s1", "toolCall": call, "options": [{"optionId": "y", "name": "Allow", "kind": "allow_once"}, {"optionId": "n", "name": "Reject", "kind": "reject_once"}]})
    elif m.get("id") == 7:
        update(sessionUpdate="tool_call_update", toolCallId="c9", status="completed")
        send(id=prompt, result={"stopReason": "end_turn"})
"""


def program(folder, name, text):
    path = pathlib.Path(folder, name)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def seed(page):
    """Runs of different ends, and two that are open."""
    page.size(1280, 800)
    page.start("Check every link of the guide", agent="fails", label="check links")
    page.sees("failed", "#list")
    page.start("What changed since 1.3?", agent="demo", label="review #412")
    page.sees("completed", ".end .outcome")
    page.start("Release 1.4.0", agent="asks", label="release 1.4.0")
    page.sees("May the agent use", ".question")
    page.click("#list li:nth-child(2) .beside")
    page.wait("return document.querySelectorAll('.pane').length === 2")
    page.start("Find out why brix rounds", agent="demo", label="why brix rounds")
    page.sees("All twelve", ".pane .text")


def every_state(page, folder):
    """A picture of each state, wide and narrow, light and dark."""
    def shoot(name, width=1280, height=800):
        for scheme in ["light", "dark"]:
            page.size(width, height, prefers_color_scheme=scheme)
            page.wait("return new Promise(next => requestAnimationFrame(() => requestAnimationFrame(() => next(true))))")
            page.shoot(pathlib.Path(folder, f"{name}-{scheme}.png"))

    shoot("empty")
    shoot("empty-phone", 390, 844)
    page.size(1280, 800)
    page.click_text("New run")
    page.click("#start details summary")
    shoot("start")
    shoot("start-phone", 390, 844)
    page.press("Escape")
    seed(page)
    shoot("beside")
    page.sees("completed", ".pane:last-of-type .end .outcome")
    shoot("ended")
    page.size(390, 844)
    shoot("question-phone", 390, 844)
    page.click(".pane:last-of-type .back")
    shoot("list-phone", 390, 844)
    page.size(1280, 800)
    page.click("#list li:nth-child(2) .run")
    page.sees("completed", ".end .outcome")
    shoot("run")
    shoot("run-phone", 390, 844)
    page.size(1280, 800)
    page.click(".menu > summary")
    shoot("menu")
    page.press("Escape")
    page.click("#list li:nth-child(4) .run")
    page.sees("failed", ".end .outcome")
    shoot("failed")
    for name in ["History", "Status", "Keys"]:
        page.size(1280, 800)
        page.click_text(name)
        shoot(name.lower())
        shoot(name.lower() + "-phone", 390, 844)
        page.press("Escape")


def main():
    arguments = sys.argv[1:]
    folder = None
    if arguments[:1] == ["--all"]:
        folder, arguments = arguments[1], arguments[2:]
        os.makedirs(folder, exist_ok=True)
    binary = os.path.abspath(arguments[0] if arguments else ROOT / "target/release/spile")
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "SPILE_STATE": home + "/state", "TMPDIR": home, "XDG_RUNTIME_DIR": home, "PATH": os.path.dirname(binary) + ":" + os.environ["PATH"]}
        os.mkdir(home + "/sugar")
        agents = {
            "demo": "spile demo --agent",
            "asks": program(home, "agent-acp", "#!/usr/bin/env python3\n" + ASKS),
            "fails": program(home, "links", "#!/bin/sh\necho 'docs/guide.md: 41 links, 2 of them broken'\necho 'links: docs/guide.md:17: no such file: install.md' >&2\nexit 3\n"),
        }
        options = [word for name, command in agents.items() for word in ["--agent", f"{name}={command}"]]
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--root", home + "/sugar", "--on-exit", "cancel", *options]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        page = None
        try:
            page = browse.Page(home, server.stdout.readline().strip())
            if folder:
                every_state(page, folder)
            else:
                seed(page)
                page.shoot(ROOT / "docs/page.png")
            page.clean()
        finally:
            if page:
                page.quit()
            server.terminate()
            server.wait()


main()
