"""The reading of a run by the events themselves, by `spile export --to csv` and by `spile export --to html`."""

import csv
import html.parser
import json
import pathlib

CLASSES = {"person": "permission_ms", "retry": "retry_ms", "tool": "tool_ms", "start": "start_ms", "model": "model_ms", "other": "other_ms"}


class Transcript(html.parser.HTMLParser):
    """Calls of a transcript, name, title, mark and words of each, and the usage of each turn."""

    def __init__(self):
        super().__init__()
        self.calls, self.usages, self.open, self.field = [], [], [], None

    def handle_starttag(self, tag, attributes):
        kind = (dict(attributes).get("class") or "").split()
        if tag in ("details", "div") and kind[:1] == ["call"]:
            self.calls.append({"name": "", "title": "", "mark": "", "words": ""})
        elif tag == "footer":
            self.usages.append("")
        of_call = {"mark": "mark", "words": "words"}.get(kind[0] if kind else "")
        in_line = self.open[-1:] in (["summary"], ["line"])
        if of_call and in_line:
            self.field = of_call
        elif in_line and tag in ("b", "code") and self.calls:
            self.field = {"b": "name", "code": "title"}[tag]
        elif kind[:1] == ["usage"]:
            self.field = "usage"
        if tag not in ("meta", "br", "hr", "input", "rect", "li"):
            self.open.append("line" if kind[:1] == ["line"] else tag)

    def handle_endtag(self, tag):
        self.field = None
        if self.open and tag not in ("rect", "li"):
            self.open.pop()

    def handle_data(self, data):
        if self.field == "usage":
            self.usages[-1] += data
        elif self.field:
            self.calls[-1][self.field] += data


def compare(folder, stream, seen):
    """Fails where the page shows something else than the other readers."""
    path = pathlib.Path(folder, stream)
    events = [json.loads(line) for line in open(f"{path}.ndjson")]
    names = sorted({event["stream"] for event in events})
    for name in names:
        for kind in ["answer", "reasoning"]:
            want = "".join(e["text"] for e in events if e["type"] == "block_final" and e["kind"] == kind and e["stream"] == name)
            got = "".join(item["text"] for item in seen if item.get("kind") == kind and item["of"] == name)
            assert got == want, f"{stream} {name} {kind}:\n{got!r}\n{want!r}"
    transcript = Transcript()
    transcript.feed(open(f"{path}.html").read())
    calls = [{key: item[key] for key in ["name", "title", "mark", "words"]} for item in seen if "call" in item]
    ordered = lambda calls: sorted(calls, key=lambda call: list(call.values()))  # noqa: E731
    assert ordered(calls) == ordered(transcript.calls), f"{stream}:\n{ordered(calls)}\n{ordered(transcript.calls)}"
    assert len(calls) == sum(event["type"] == "tool_started" for event in events)
    ends = [item for item in seen if "outcome" in item]
    assert [end["usage"] for end in ends] == transcript.usages, f"{stream}: {ends} {transcript.usages}"
    rows = list(csv.DictReader(open(f"{path}.csv")))
    want = [(row["stream"], int(row["turn"]), row["outcome"], {of: int(row[column]) for of, column in CLASSES.items() if int(row[column])}) for row in rows]
    got = [(end["of"], end["turn"], end["outcome"], end["times"]) for end in ends]
    assert got == want, f"{stream}:\n{got}\n{want}"
    return len(calls), len(ends)
