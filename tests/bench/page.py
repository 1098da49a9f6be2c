#!/usr/bin/env python3
"""Longest tasks of the page in a headless Chromium, in processor time: a run of 100,000 events while it streams, while a person
scrolls through it, and after a reload.

Usage: page.py [BINARY]   the binary is target/release/spile unless another one is named"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/it/page"))

import browse  # noqa: E402

# An agent in the shape of Claude Code: 20,000 steps of a text in two deltas and a call with its result.
AGENT = r"""
import json, sys
def say(**message):
    print(json.dumps({**message, "session_id": "s", "parent_tool_use_id": None}))
def event(**event):
    say(type="stream_event", event=event)
say(type="system", subtype="init", cwd="/", tools=["Read"], model="m", mcp_servers=[], permissionMode="default")
for n in range(20000):
    event(type="message_start", message={"id": f"m{n}", "role": "assistant", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}})
    event(type="content_block_start", index=0, content_block={"type": "text", "text": ""})
    event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": f"Step {n} *looks* "})
    event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": f"at `file{n}.rs`.\n"})
    call = {"type": "tool_use", "id": f"t{n}", "name": "Read", "input": {"file_path": f"src/file{n}.rs"}}
    say(type="assistant", message={"id": f"m{n}", "role": "assistant", "content": [{"type": "text", "text": f"Step {n} *looks* at `file{n}.rs`.\n"}, call]})
    say(type="user", message={"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{n}", "content": "fn main() {}\n" * 8}]})
    if n % 20 == 0:
        sys.stdout.flush()
        __import__("time").sleep(0.02)
say(type="assistant", message={"id": "end", "role": "assistant", "content": [{"type": "text", "text": "THE END"}]})
say(type="result", subtype="success", is_error=False, duration_ms=1, num_turns=1, result="THE END", total_cost_usd=0.1, usage={"input_tokens": 1, "output_tokens": 1})
"""


def tasks(page):
    """Processor time of each task of the page since the last call, in milliseconds; sorted."""
    events = [json.loads(entry["message"])["message"] for entry in page.log("performance")]
    events = [event["params"] for event in events if event["method"] == "Tracing.dataCollected"]
    mains = {(e["pid"], e["tid"]) for e in events if e.get("name") == "thread_name" and e["args"]["name"] == "CrRendererMain"}
    page.mains |= mains
    took = [e.get("tdur", 0) / 1000 for e in events if e.get("ph") == "X" and e["name"] == "RunTask" and (e["pid"], e["tid"]) in page.mains]
    return sorted(took)


def told(page, what):
    took = tasks(page)
    heap = page.js("return performance.memory.usedJSHeapSize") >> 20
    elements = page.js("return document.querySelectorAll('*').length")
    print(f"{what}: {len(took)} tasks, longest {', '.join(f'{ms:.0f}' for ms in took[:-6:-1])} ms; heap {heap} MiB, {elements} elements", flush=True)


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/spile")
    with tempfile.TemporaryDirectory() as folder:
        agent = pathlib.Path(folder, "claude")
        agent.write_text("#!/usr/bin/env python3\n" + AGENT)
        agent.chmod(0o755)
        path = os.path.dirname(os.path.abspath(binary)) + ":" + os.environ["PATH"]
        environment = {**os.environ, "SPILE_STATE": folder + "/state", "TMPDIR": folder, "PATH": path}
        server = subprocess.Popen([binary, "serve", "--listen", "127.0.0.1:0", "--agent", f"claude={agent} --prompt={{prompt}}"], stdout=subprocess.PIPE, env=environment, text=True)
        browse.WITHIN = 300
        browse.browser.TRACED = "toplevel,disabled-by-default-devtools.timeline"
        page = browse.Page(folder, server.stdout.readline().strip())
        page.mains = set()
        try:
            page.start("go", agent="claude")
            page.sees("THE END", ".items")
            told(page, "streaming")
            page.scroll("box.scrollTop /= 2")
            for step in [-900, 700] * 3 + [-300] * 60 + [40000, -90000, 60000]:
                page.scroll("box.scrollBy(0, arguments[0])", step)
                page.wait("return new Promise(next => requestAnimationFrame(() => requestAnimationFrame(() => next(true))))")
            told(page, "scrolling")
            page.call("POST", "/refresh", {})
            page.sees("THE END", ".items")
            told(page, "reload")
        finally:
            page.quit()
            server.terminate()
            server.wait()


main()
