#!/usr/bin/env bash
# RFC 6455, 4.1: the client fails the connection unless the `Connection` field "contains a token" `Upgrade`; the field is a
# list (RFC 9110, 7.6.1). Proxies do answer `Connection: keep-alive, Upgrade`. Tried on 2026-11-30 with a server that
# answers correctly in all else, in three forms: `Upgrade` alone, a list, two lines.
#   taken    websockets 17.4, websocket-client 1.9.2 (Python), ws 8.23.0 (Node)
#   refused  aiohttp 3.14.5, undici 7.30.2 (the WebSocket of Node), faye-websocket 0.11.4, websocket 1.0.35, tungstenite 0.30.0:
#            both the list and the two lines
# So a server that is reached by one client of a company may be out of reach for the next one, for a field of the proxy before it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install -q websockets==17.4 websocket-client==1.9.2 aiohttp==3.14.5
npm init -y >/dev/null && npm install --silent ws@8.23.0 undici@7.30.2 faye-websocket@0.11.4 websocket@1.0.35
cargo new -q --name probe rust && cargo add -q --manifest-path rust/Cargo.toml tungstenite@=0.30.0

cat > server.py <<'PY'
"""Serves one form of the answer a port: 1 = alone, 2 = a list, 3 = two lines; then says `hi` and closes with 1000."""
import asyncio, base64, hashlib
FORMS = ["Connection: Upgrade\r\n", "Connection: keep-alive, Upgrade\r\n", "Connection: keep-alive\r\nConnection: Upgrade\r\n"]
def handler(form):
    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(l.split(b":", 1)[1].strip() for l in head.split(b"\r\n") if l.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n{form}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        writer.write(b"\x81\x02hi\x88\x02\x03\xe8")
        try:
            await writer.drain()
            await asyncio.wait_for(reader.read(100), 2)
        except (ConnectionError, asyncio.TimeoutError):
            pass
        writer.close()
    return handle
async def main():
    servers = [await asyncio.start_server(handler(form), "127.0.0.1", 0) for form in FORMS]
    print(*(s.sockets[0].getsockname()[1] for s in servers), flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
PY
cat > py_websockets.py <<'PY'
import asyncio, sys, websockets
async def main():
    try:
        async with websockets.connect(sys.argv[1], proxy=None) as ws:
            await ws.recv(); print("taken")
    except Exception: print("refused")
asyncio.run(main())
PY
cat > py_websocket_client.py <<'PY'
import sys, websocket
try: websocket.create_connection(sys.argv[1], timeout=5).recv(); print("taken")
except Exception: print("refused")
PY
cat > py_aiohttp.py <<'PY'
import asyncio, sys, aiohttp
async def main():
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(sys.argv[1]) as ws: await ws.receive(); print("taken")
        except aiohttp.WSServerHandshakeError: print("refused")
asyncio.run(main())
PY
cat > ws.js <<'JS'
const W = require('ws'); const ws = new W(process.argv[2]);
ws.on('open', () => { console.log('taken'); process.exit(); }); ws.on('error', () => { console.log('refused'); process.exit(); });
JS
cat > undici.js <<'JS'
const { WebSocket } = require('undici'); const ws = new WebSocket(process.argv[2]);
ws.onopen = () => { console.log('taken'); process.exit(); }; ws.onerror = () => { console.log('refused'); process.exit(); };
JS
cat > faye.js <<'JS'
const { Client } = require('faye-websocket'); const ws = new Client(process.argv[2]);
ws.on('open', () => { console.log('taken'); process.exit(); }); ws.on('error', () => { console.log('refused'); process.exit(); });
JS
cat > websocket.js <<'JS'
const { client: Client } = require('websocket'); const c = new Client();
c.on('connect', () => { console.log('taken'); process.exit(); }); c.on('connectFailed', () => { console.log('refused'); process.exit(); });
c.connect(process.argv[2]);
JS
cat > rust/src/main.rs <<'RS'
fn main() {
    let url = std::env::args().nth(1).expect("a URL");
    let address = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let stream = std::net::TcpStream::connect(address).expect("a connection");
    println!("{}", if tungstenite::client(url, stream).is_ok() { "taken" } else { "refused" });
}
RS
cargo build -q --manifest-path rust/Cargo.toml
python3 server.py > ports & server=$!; trap 'kill $server; rm -rf "$folder"' EXIT
until [ -s ports ]; do sleep 0.1; done; read -r alone list lines < ports
try() { # name, expected for list and lines, command
    local name=$1 expected=$2; shift 2
    local saw; saw="$(timeout 20 "$@" "ws://127.0.0.1:$alone/") $(timeout 20 "$@" "ws://127.0.0.1:$list/") $(timeout 20 "$@" "ws://127.0.0.1:$lines/")"
    printf '%-24s alone, list, two lines: %s\n' "$name" "$saw"
    [ "$saw" = "taken $expected $expected" ] || { echo "CHANGED: expected taken $expected $expected"; exit 1; }
}
try "websockets 17.4" taken venv/bin/python py_websockets.py
try "websocket-client 1.9.2" taken venv/bin/python py_websocket_client.py
try "aiohttp 3.14.5" refused venv/bin/python py_aiohttp.py
try "ws 8.23.0" taken node ws.js
try "undici 7.30.2" refused node undici.js
try "faye-websocket 0.11.4" refused node faye.js
try "websocket 1.0.35" refused node websocket.js
try "tungstenite 0.30.0" refused rust/target/debug/probe
