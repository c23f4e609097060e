#!/usr/bin/env bash
# signalwire-sdk 3.7.5 (Python), the five token calls of `RestClient(...).fabric.tokens`, against a server on loopback that writes down
# what comes. Tried on 2026-11-30:
#  1. `create_invite_token` and `create_embed_token` carry the project's credentials (Basic) like the others. The reference has
#     a subscriber's token (Bearer) for invites and no authorization at all for embed tokens; the client knows no other way.
#  2. An argument that the call does not have is no error but is sent: `expires_at`, as invites spell it, for the `expire_at` of
#     subscribers and guests. Who mixes them up gets tokens of the default life, and nobody says so.
#  3. `fingerprint` and `scope`, without which no token is bound to its client, have no argument; by (2) they work as keywords.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install -q signalwire-sdk==3.7.5
cat > probe.py <<'PY'
import inspect, json, logging, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
logging.disable(logging.CRITICAL)
seen = {}
class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen[self.path] = ((self.headers.get("Authorization") or "none").split(" ")[0], body)
        answer = b'{"subscriber_id":"1","token":"t","refresh_token":"r"}'
        self.send_response(200); self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer))); self.end_headers(); self.wfile.write(answer)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
from signalwire.rest import RestClient
client = RestClient(project="p", token="t", host=f"127.0.0.1:{server.server_port}")
tokens = client.fabric.tokens
tokens.create_subscriber_token(reference="alice@example.com", expires_at=1, fingerprint="f" * 43, scope="sat:refresh")
tokens.create_invite_token(address_id="a")
tokens.create_embed_token(token="c2c_x")
for path, (kind, body) in seen.items(): print(f"{path:45} {kind:6} {sorted(body)}")
named = inspect.signature(tokens.create_subscriber_token).parameters
print("arguments named fingerprint or scope:", [n for n in ("fingerprint", "scope") if n in named])
right = {
    "/api/fabric/subscribers/tokens": ("Basic", ["expires_at", "fingerprint", "reference", "scope"]),
    "/api/fabric/subscriber/invites": ("Basic", ["address_id"]),
    "/api/fabric/embeds/tokens": ("Basic", ["token"]),
}
same = {path: (kind, sorted(body)) for path, (kind, body) in seen.items()} == right
sys.exit(0 if same and "fingerprint" not in named and "scope" not in named else "CHANGED")
PY
venv/bin/python probe.py
