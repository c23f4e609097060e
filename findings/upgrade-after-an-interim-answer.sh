#!/usr/bin/env bash
# RFC 9110, 15.2: "A client MUST be able to parse one or more 1xx responses received prior to a final response". A server or
# proxy that sends early hints answers an upgrade with `103 Early Hints` and then with `101`. Tried on 2026-11-30:
#   taken    aiohttp 3.14.5, ws 8.23.0, undici 7.30.2, faye-websocket 0.11.4, websocket 1.0.35
#   refused  websockets 17.4 ("server rejected WebSocket connection: HTTP 103"), websocket-client 1.9.2 ("Handshake status
#            103"), tungstenite 0.30.0 (`Http(103)`): each takes the 103 for the answer
# With `100 Continue` in its place undici refuses as well (nobody asked for it, so that is its right).
set -euo pipefail
folder=$(mktemp -d); server=; trap 'kill $server 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install -q websockets==17.4 websocket-client==1.9.2 aiohttp==3.14.5
npm init -y >/dev/null && npm install --silent ws@8.23.0 undici@7.30.2
cargo new -q --name probe rust && cargo add -q --manifest-path rust/Cargo.toml tungstenite@=0.30.0

cat > server.py <<'PY'
"""One port: each upgrade is answered by 103, then by a correct 101, a text frame `hi`, and a close with 1000."""
import asyncio, base64, hashlib
async def handle(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    key = next(l.split(b":", 1)[1].strip() for l in head.split(b"\r\n") if l.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    writer.write(f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode() + b"\x81\x02hi\x88\x02\x03\xe8")
    try:
        await writer.drain()
        await asyncio.wait_for(reader.read(100), 2)
    except (ConnectionError, asyncio.TimeoutError):
        pass
    writer.close()
async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
PY
cat > py_websockets.py <<'PY'
import asyncio, sys, websockets
async def main():
    try:
        async with websockets.connect(sys.argv[1], proxy=None) as ws: print(await ws.recv())
    except websockets.InvalidStatus as error: print("refused:", error.response.status_code)
asyncio.run(main())
PY
cat > py_websocket_client.py <<'PY'
import sys, websocket
try: print(websocket.create_connection(sys.argv[1], timeout=5).recv())
except websocket.WebSocketBadStatusException as error: print("refused:", error.status_code)
PY
cat > py_aiohttp.py <<'PY'
import asyncio, sys, aiohttp
async def main():
    async with aiohttp.ClientSession() as session, session.ws_connect(sys.argv[1]) as ws: print((await ws.receive()).data)
asyncio.run(main())
PY
cat > ws.js <<'JS'
const W = require('ws'); const ws = new W(process.argv[2]);
ws.on('message', data => { console.log(String(data)); process.exit(); }); ws.on('error', e => { console.log('refused: ' + e.message); process.exit(); });
JS
cat > undici.js <<'JS'
const { WebSocket } = require('undici'); const ws = new WebSocket(process.argv[2]);
ws.onmessage = e => { console.log(e.data); process.exit(); }; ws.onerror = () => { console.log('refused'); process.exit(); };
JS
cat > rust/src/main.rs <<'RS'
fn main() {
    let url = std::env::args().nth(1).expect("a URL");
    let address = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let stream = std::net::TcpStream::connect(address).expect("a connection");
    match tungstenite::client(url, stream) {
        Ok((mut socket, _)) => println!("{}", socket.read().expect("a message")),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => println!("refused: {}", answer.status().as_u16()),
        Err(error) => println!("refused: {error}"),
    }
}
RS
cargo build -q --manifest-path rust/Cargo.toml
python3 server.py > port & server=$!
until [ -s port ]; do sleep 0.1; done
url="ws://127.0.0.1:$(cat port)/"
try() { # name, expected, command
    local name=$1 expected=$2 saw; shift 2
    saw=$(timeout 20 "$@" "$url"); printf '%-24s %s\n' "$name" "$saw"
    [ "$saw" = "$expected" ] || { echo "CHANGED: expected $expected"; exit 1; }
}
try "websockets 17.4" "refused: 103" venv/bin/python py_websockets.py
try "websocket-client 1.9.2" "refused: 103" venv/bin/python py_websocket_client.py
try "tungstenite 0.30.0" "refused: 103" rust/target/debug/probe
try "aiohttp 3.14.5" hi venv/bin/python py_aiohttp.py
try "ws 8.23.0" hi node ws.js
try "undici 7.30.2" hi node undici.js
