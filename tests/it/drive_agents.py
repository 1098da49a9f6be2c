"""Agents for the tests of `wrap --drive`, in the shapes of the vendors' own types:
claude (claude-agent-sdk 0.2 on PyPI, Claude Code 2.1.197), acp (@agentclientprotocol/sdk 2.4 on npm,
agent-client-protocol 0.12 on PyPI), opencode (opencode-ai 1.18 on npm), codex (the schema of codex 0.171, `app-server generate-json-schema`), tty.

usage: drive_agents.py claude|acp|acp-steering|opencode|codex|tty [LOG]

A turn ends once its last message has been answered. A message may have words for the agent: `hold` keeps the turn open
until it is interrupted or gets `go`, `ask TOOL` asks for permission, `die` ends the process at once, `mute` says nothing
more, `flood` makes it say 3 MB. LOG gets each text that was read, as a JSON string a line."""

import json
import os
import select
import sys

LOG = open(sys.argv[2], "a", buffering=1) if len(sys.argv) > 2 else None


def say(message):
    sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Input:
    """Lines of stdin; `None` at its end, `...` if there is none yet."""

    def __init__(self):
        self.held, self.over = b"", False

    def next(self, wait):
        while b"\n" not in self.held:
            if self.over:
                return None
            if not select.select([0], [], [], None if wait else 0)[0]:
                return ...
            data = os.read(0, 65536)
            self.over = not data
            self.held += data
        line, _, self.held = self.held.partition(b"\n")
        return json.loads(line)


class Agent:
    def __init__(self):
        self.input, self.waiting, self.answers = Input(), [], {}
        self.asks, self.interrupted, self.turns = 0, False, 0

    def read(self, wait=False):
        """Takes what has come; `False` at the end of the input."""
        while True:
            message = self.input.next(wait)
            if message is None:
                return False
            if message is ...:
                return True
            self.take(message)
            wait = False

    def log(self, text):
        if LOG:
            LOG.write(json.dumps(text) + "\n")

    def run(self):
        self.begin()
        alive = True
        while alive:
            alive = self.read(wait=True)
            while self.waiting:
                self.turn()

    def turn(self):
        self.turns += 1
        self.turn_begins()
        held = False
        self.take_message()
        while True:
            words = self.text.split()
            held = (held or "hold" in words) and "go" not in words
            if "die" in words:
                os._exit(3)
            if "flood" in words:
                for _ in range(30):
                    self.delta("x" * 100_000)
            if "mute" in words:
                while self.read(wait=True):
                    pass
                os._exit(0)
            if "ask" in words:
                tool = words[words.index("ask") + 1]
                self.asks += 1
                allowed = self.ask(f"q{self.asks}", tool)
                self.delta(f"{tool} {'allowed' if allowed else 'denied'}. ")
            self.delta("I have read it. ")
            alive = self.read()
            while held and alive and not self.interrupted and not self.can_take():
                alive = self.read(wait=True)
            if self.interrupted or not self.can_take():
                break
            self.take_message()
        self.turn_ends()
        self.interrupted = False

    def can_take(self):
        return bool(self.waiting)

    def answered(self, key):
        """The answer to a question; `None` at an interrupt or the end."""
        while key not in self.answers and not self.interrupted:
            if not self.read(wait=True):
                return None
        return self.answers.get(key)


class Claude(Agent):
    def begin(self):
        pass

    def take(self, message):
        if message["type"] == "user":
            self.waiting.append(message)
        elif message["type"] == "control_request":
            if message["request"]["subtype"] == "interrupt":
                # Without a turn there is nothing to interrupt.
                self.interrupted = self.in_turn
            response = {"subtype": "success", "request_id": message["request_id"]}
            say({"type": "control_response", "response": response})
        elif message["type"] == "control_response":
            say(message)
            response = message["response"]
            self.answers[response["request_id"]] = response["response"]

    def of_session(self, message):
        say({**message, "session_id": "S1", "uuid": "00000000-0000-4000-8000-000000000000"})

    in_turn = False

    def turn_begins(self):
        self.in_turn = True
        self.of_session({"type": "system", "subtype": "init", "cwd": "/", "tools": ["Bash"], "mcp_servers": [],
                         "model": "m", "permissionMode": "default", "apiKeySource": "none"})

    def take_message(self):
        message = self.waiting.pop(0)
        self.text = message["message"]["content"]
        self.log(self.text)
        say({"type": "user", "message": message["message"], "session_id": "S1", "parent_tool_use_id": None,
             "uuid": message["uuid"], "isReplay": True})

    def delta(self, text):
        content = [{"type": "text", "text": text}]
        self.of_session({"type": "assistant", "parent_tool_use_id": None, "message": {
            "id": f"m{self.turns}{self.asks}", "type": "message", "role": "assistant", "model": "m",
            "content": content, "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}}})

    def ask(self, key, tool):
        say({"type": "control_request", "request_id": key, "request": {
            "subtype": "can_use_tool", "tool_name": tool, "input": {"command": "ls"}, "description": "List",
            "permission_suggestions": [], "tool_use_id": "toolu_" + key}})
        answer = self.answered(key)
        return bool(answer) and answer["behavior"] == "allow" and answer["updatedInput"] == {"command": "ls"}

    def turn_ends(self):
        self.in_turn = False
        if self.interrupted:
            content = [{"type": "text", "text": "[Request interrupted by user]"}]
            self.of_session({"type": "user", "message": {"role": "user", "content": content},
                             "parent_tool_use_id": None})
        result = {"type": "result", "subtype": "error_during_execution" if self.interrupted else "success",
                  "is_error": self.interrupted, "duration_ms": 1, "num_turns": 1, "total_cost_usd": 0.001,
                  "usage": {"input_tokens": 1, "output_tokens": 1}}
        if not self.interrupted:
            result.update(result="done", stop_reason="end_turn")
        self.of_session(result)


class Rpc(Agent):
    def begin(self):
        self.session, self.open = None, None

    def result(self, id, result):
        say({"jsonrpc": "2.0", "id": id, "result": result})

    def error(self, id, code, message):
        say({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})

    def notify(self, method, params):
        say({"jsonrpc": "2.0", "method": method, "params": params})

    def take(self, message):
        if "method" not in message:
            self.answers[message["id"]] = message.get("result")
        else:
            self.called(message["method"], message.get("params", {}), message.get("id"))


class Acp(Rpc):
    steering = False

    def called(self, method, params, id):
        if method == "initialize":
            assert params["protocolVersion"] == 1, params
            meta = {"steering": {"supported": True}} if self.steering else {}
            self.result(id, {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}, "authMethods": [],
                             "agentInfo": {"name": "fake", "version": "1"}, "_meta": meta})
        elif method == "session/new":
            assert params["cwd"].startswith("/") and params["mcpServers"] == [], params
            self.session = "S1"
            self.result(id, {"sessionId": "S1"})
        elif method == "session/load":
            self.session = params["sessionId"]
            self.result(id, {})
        elif method == "session/prompt":
            if self.open is not None:
                return self.error(id, -32600, "a prompt is running")
            self.waiting.append((id, params["prompt"][0]["text"]))
        elif method == "session/cancel":
            # A prompt that was sent before is cancelled, also if it has not begun.
            self.interrupted = self.open is not None or bool(self.waiting)
        elif method == "_session/steering" and self.steering:
            if self.open is None:
                return self.result(id, {"outcome": "promptRequired"})
            self.waiting.append((None, params["prompt"][0]["text"]))
            self.result(id, {"outcome": "injected"})
        elif id is not None:
            self.error(id, -32601, "method not found")

    def update(self, update):
        self.notify("session/update", {"sessionId": self.session, "update": update})

    def turn_begins(self):
        self.open = self.waiting[0][0]

    def take_message(self):
        id, self.text = self.waiting.pop(0)
        self.open = self.open if id is None else id
        self.log(self.text)

    def delta(self, text):
        self.update({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})

    def ask(self, key, tool):
        call = {"toolCallId": key, "name": tool, "title": "ls", "kind": "execute", "status": "pending", "rawInput": {}}
        self.update({"sessionUpdate": "tool_call", **call})
        say({"jsonrpc": "2.0", "id": key, "method": "session/request_permission", "params": {
            "sessionId": self.session, "toolCall": {"toolCallId": key, "title": "ls"},
            "options": [{"optionId": "no", "name": "No", "kind": "reject_once"},
                        {"optionId": "yes", "name": "Yes", "kind": "allow_once"}]}})
        answer = self.answered(key)
        allowed = bool(answer) and answer["outcome"] == {"outcome": "selected", "optionId": "yes"}
        self.update({"sessionUpdate": "tool_call_update", "toolCallId": key,
                     "status": "completed" if allowed else "failed"})
        return allowed

    def turn_ends(self):
        id, self.open = self.open, None
        self.result(id, {"stopReason": "cancelled" if self.interrupted else "end_turn"})


class Steering(Acp):
    steering = True


class OpenCode(Acp):
    """As `opencode acp` 1.18: a call begins with the tool's name as its title and gets another one with its input."""

    def ask(self, key, tool):
        update = {"toolCallId": key, "kind": "execute", "locations": []}
        self.update({"sessionUpdate": "tool_call", "title": tool, "status": "pending", "rawInput": {}, **update})
        self.update({"sessionUpdate": "tool_call_update", "status": "in_progress", "title": "ls -la",
                     "rawInput": {"command": "ls -la"}, **update})
        say({"jsonrpc": "2.0", "id": self.asks, "method": "session/request_permission", "params": {
            "sessionId": self.session, "toolCall": {"status": "pending", "title": "ls -la", **update},
            "options": [{"optionId": "once", "kind": "allow_once", "name": "Allow once"},
                        {"optionId": "always", "kind": "allow_always", "name": "Always allow"},
                        {"optionId": "reject", "kind": "reject_once", "name": "Reject"}]}})
        answer = self.answered(self.asks)
        allowed = bool(answer) and answer["outcome"] == {"outcome": "selected", "optionId": "once"}
        self.update({"sessionUpdate": "tool_call_update", "status": "completed" if allowed else "failed", **update})
        return allowed


class Codex(Rpc):
    def called(self, method, params, id):
        if method == "initialize":
            assert params["clientInfo"]["name"] == "spile", params
            self.result(id, {"userAgent": "fake/1", "codexHome": "/", "platformFamily": "unix", "platformOs": "linux"})
        elif method == "thread/start":
            self.session = "T1"
            thread = {"id": "T1", "sessionId": "T1", "preview": "", "cwd": params["cwd"], "turns": []}
            self.result(id, {"thread": thread, "model": "m", "modelProvider": "p"})
            self.notify("thread/started", {"thread": thread})
        elif method == "turn/start":
            if params["input"][0]["text"].startswith("refuse"):
                return self.error(id, -32600, "the model is not supported")
            if self.open is not None:
                # The turn that it has begun by itself takes the message.
                self.waiting.append(params)
                return self.result(id, {"turn": self.of_turn("inProgress")})
            self.started = getattr(self, "started", 0) + 1
            self.open = f"U{self.started}"
            self.waiting.append(params)
            self.result(id, {"turn": self.of_turn("inProgress")})
        elif method == "turn/steer":
            if params["expectedTurnId"] != self.open:
                return self.error(id, -32600, "no such turn is active")
            self.waiting.append(params)
            self.result(id, {"turnId": self.open})
        elif method == "turn/interrupt":
            self.interrupted = params["turnId"] == self.open
            self.result(id, {})

    def of_turn(self, status):
        return {"id": self.open, "items": [], "itemsView": "notLoaded", "status": status, "error": None}

    def notify_turn(self, method, params):
        self.notify(method, {"threadId": self.session, "turnId": self.open, **params})

    def turn_begins(self):
        self.notify_turn("turn/started", {"turn": self.of_turn("inProgress")})

    def take_message(self):
        params = self.waiting.pop(0)
        self.text = params["input"][0]["text"]
        self.log(self.text)
        item = {"type": "userMessage", "id": f"i{len(self.text)}", "clientId": params["clientUserMessageId"],
                "content": [{"type": "text", "text": self.text, "text_elements": []}]}
        for method in ("item/started", "item/completed"):
            self.notify_turn(method, {"item": item})

    def delta(self, text):
        self.count = getattr(self, "count", 0) + 1
        item = {"type": "agentMessage", "id": f"m{self.count}", "text": ""}
        self.notify_turn("item/started", {"item": item})
        self.notify_turn("item/agentMessage/delta", {"itemId": item["id"], "delta": text})
        self.notify_turn("item/completed", {"item": {**item, "text": text}})

    def ask(self, key, tool):
        item = {"type": "commandExecution", "id": key, "command": tool, "cwd": "/", "status": "inProgress",
                "commandActions": [], "aggregatedOutput": None, "exitCode": None}
        self.notify_turn("item/started", {"item": item})
        say({"jsonrpc": "2.0", "id": self.asks, "method": "item/commandExecution/requestApproval", "params": {
            "kind": "command", "threadId": self.session, "turnId": self.open, "itemId": key, "startedAtMs": 0,
            "command": tool, "cwd": "/"}})
        answer = self.answered(self.asks)
        self.notify("serverRequest/resolved", {"threadId": self.session, "requestId": self.asks})
        allowed = bool(answer) and answer["decision"] == "accept"
        status = "completed" if allowed else "declined"
        self.notify_turn("item/completed", {"item": {**item, "status": status, "exitCode": 0}})
        return allowed

    def turn_ends(self):
        # Messages for this turn that came too late for it go into the next one.
        status = "interrupted" if self.interrupted else "completed"
        self.notify_turn("turn/completed", {"turn": self.of_turn(status)})
        if self.waiting:
            self.started += 1
            self.open = f"U{self.started}"
        else:
            self.open = None


def tty():
    print("ready", flush=True)
    for line in sys.stdin:
        line = line.rstrip("\n")
        if LOG:
            LOG.write(json.dumps(line) + "\n")
        print("read", len(line), flush=True)
        if "bye" in line.split():
            return


AGENTS = {"claude": Claude, "acp": Acp, "acp-steering": Steering, "opencode": OpenCode, "codex": Codex}
if sys.argv[1] == "tty":
    tty()
else:
    AGENTS[sys.argv[1]]().run()
