#!/usr/bin/env bash
# The registry of WebSocket close codes (opened by RFC 6455, 11.7) has 1012 Service Restart, 1013 Try Again Later and 1014 Bad
# Gateway. Tried on 2026-11-30 with a server that closes with each of them:
#   told as they are        ws 8.23.0, websockets 17.4, undici 7.30.2
#   faye-websocket 0.11.4   all three become 1002, and 1002 is what it answers: a restart looks like a broken server
#   tungstenite 0.30.0      1012 and 1013 as they are; 1014 is handed out as a close by the peer with 1002, which it never sent
set -euo pipefail
folder=$(mktemp -d); server=; trap 'kill $server 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install -q websockets==17.4
npm init -y >/dev/null && npm install --silent ws@8.23.0 undici@7.30.2 faye-websocket@0.11.4
cargo new -q --name probe rust && cargo add -q --manifest-path rust/Cargo.toml tungstenite@=0.30.0

cat > server.py <<'PY'
"""The path names the code to close with, after a correct upgrade."""
import asyncio, base64, hashlib, struct
async def handle(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    code = int(head.split(b" ")[1].strip(b"/"))
    key = next(l.split(b":", 1)[1].strip() for l in head.split(b"\r\n") if l.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    writer.write(f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode() + b"\x88\x02" + struct.pack("!H", code))
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
    async with websockets.connect(sys.argv[1], proxy=None) as ws:
        try: await ws.recv()
        except websockets.ConnectionClosed as closed: print(closed.rcvd.code)
asyncio.run(main())
PY
cat > ws.js <<'JS'
const W = require('ws'); new W(process.argv[2]).on('close', code => { console.log(code); process.exit(); });
JS
cat > undici.js <<'JS'
const { WebSocket } = require('undici'); new WebSocket(process.argv[2]).onclose = e => { console.log(e.code); process.exit(); };
JS
cat > faye.js <<'JS'
const { Client } = require('faye-websocket'); new Client(process.argv[2]).on('close', e => { console.log(e.code); process.exit(); });
JS
cat > rust/src/main.rs <<'RS'
use tungstenite::Message;
fn main() {
    let url = std::env::args().nth(1).expect("a URL");
    let address = url.trim_start_matches("ws://").split('/').next().unwrap().to_owned();
    let stream = std::net::TcpStream::connect(address).expect("a connection");
    let (mut socket, _) = tungstenite::client(url, stream).map_err(|_| ()).expect("an upgrade");
    match socket.read() {
        Ok(Message::Close(Some(frame))) => println!("{}", u16::from(frame.code)),
        other => println!("{other:?}"),
    }
}
RS
cargo build -q --manifest-path rust/Cargo.toml
python3 server.py > port & server=$!
until [ -s port ]; do sleep 0.1; done
try() { # name, what is expected for 1012, 1013 and 1014, command
    local name=$1 expected=$2 saw=; shift 2
    for code in 1012 1013 1014; do saw+="$(timeout 20 "$@" "ws://127.0.0.1:$(cat port)/$code") "; done
    printf '%-24s %s\n' "$name" "$saw"
    [ "${saw% }" = "$expected" ] || { echo "CHANGED: expected $expected"; exit 1; }
}
try "websockets 17.4" "1012 1013 1014" venv/bin/python py_websockets.py
try "ws 8.23.0" "1012 1013 1014" node ws.js
try "undici 7.30.2" "1012 1013 1014" node undici.js
try "faye-websocket 0.11.4" "1002 1002 1002" node faye.js
try "tungstenite 0.30.0" "1012 1013 1002" rust/target/debug/probe
