"""`satkeeper serve` as a process and the official client against it."""

import base64
import contextlib
import json
import os
import queue
import re
import socket
import subprocess
import threading
from urllib.parse import urlsplit

import requests

SATKEEPER, CA = os.environ["SATKEEPER"], os.environ["INTEROP_CA"]
HOST = "example.signalwire.com"
PROJECT, API_TOKEN = "8f0a119a-cda7-4497-a47d-c81493b824d4", "PT00000000"

# Whom the client trusts: its own two variables for that. Below it `requests` prefers these two, if they are set.
os.environ["SIGNALWIRE_REST_CA_FILE"] = os.environ["SIGNALWIRE_RELAY_CA_FILE"] = CA
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(name, None)
os.environ["NO_PROXY"] = "*"

# SignalWire's hosts are on this machine, so that the client itself stays as it is.
_resolve = socket.getaddrinfo


def _resolve_here(host, *rest, **named):
    name = host.decode() if isinstance(host, bytes) else host
    here = name is not None and re.search(r"(^|\.)signalwire\.com$", name)
    return _resolve("127.0.0.1" if here else host, *rest, **named)


socket.getaddrinfo = _resolve_here


class Server:
    """One server with what it has seen; ordered about by the lines of its `--control`."""

    def __init__(self, *options, tls=True):
        self._answers, self._where = queue.Queue(), queue.Queue()
        self.seen = []
        trust = ["--tls", "--ca-out", CA] if tls else []
        self._process = subprocess.Popen(
            [SATKEEPER, "serve", *trust, "--control", "--requests", "-", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = urlsplit(self._where.get(timeout=20)).port
        self.host = f"{HOST}:{self.port}" if tls else f"127.0.0.1:{self.port}"

    def _read(self):
        for line in self._process.stdout:
            said = json.loads(line)
            if "https" in said or "http" in said:
                self._where.put(said.get("https") or said["http"])
            elif "kind" in said:
                self.seen.append(said)
            else:
                self._answers.put(said)

    def order(self, order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=20)
        assert "refused" not in answer, answer
        return answer

    def do(self, act):
        return self.order({"do": act})

    def fault(self, on, effect, times=1, **more):
        self.do({"fault": {"on": on, "effect": effect, "times": {"next": times}, **more}})

    def calls(self, kind):
        """How often a call of this kind succeeded, was refused by the rules, was struck by a fault."""
        tally = self.order("counts")["counts"]["calls"].get(kind, {})
        return tuple(tally.get(outcome, 0) for outcome in ("ok", "refused", "faulty"))

    def requests(self, path):
        """What came in for this path, oldest first; secrets are tags."""
        self.order("counts")  # What was seen before the answer comes before it.
        return [one for one in self.seen if one["kind"] == "request" and one["path"] == f"/api/fabric/{path}"]

    def frames(self, method):
        self.order("counts")
        frames = [one["frame"] for one in self.seen if one["kind"] == "frame_in"]
        return [frame for frame in frames if frame.get("method") == method]

    def info(self, token):
        """What the server says of a token, asked as its bearer."""
        answer = requests.get(
            f"https://{self.host}/api/fabric/subscriber/info",
            headers={"Authorization": f"Bearer {token}"}, verify=CA, timeout=10,
        )
        answer.raise_for_status()
        return answer.json()

    def close(self):
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait(timeout=20)
        self._reader.join(timeout=20)
        self._process.stdout.close()


def header_of(token):
    """The header of a compact JWE: all of a token that a client can read."""
    segment = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
