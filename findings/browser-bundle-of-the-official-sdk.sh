#!/usr/bin/env bash
# The package's `./bundle` entry (`dist/browser.mjs`, `dist/browser.umd.js`) is the one for pages without a bundler. Tried on 2026-11-30
# with @signalwire/js 4.0.0-beta.12, esbuild 0.27.0:
#   browser.mjs      imports "node:crypto": a browser cannot load it, and esbuild for browsers cannot resolve it
#   browser.umd.js   takes the global `node_crypto` for that module, which no page has, and throws as it is loaded:
#                    "Cannot read properties of undefined (reading 'randomUUID')"
#   the main entry   bundles for browsers without a word
# Whoever takes the bundle from a CDN has no client; a bundler with the main entry is the way.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund @signalwire/js@4.0.0-beta.12 esbuild@0.27.0
echo 'import * as sdk from "@signalwire/js/bundle"; console.log(Object.keys(sdk).length)' > bundle.mjs
echo 'import * as sdk from "@signalwire/js"; console.log(Object.keys(sdk).length)' > main.mjs
said=$(npx esbuild bundle.mjs --bundle --platform=browser --format=esm --conditions=import --main-fields=module --log-level=error 2>&1 >/dev/null || true)
grep -q 'Could not resolve "node:crypto"' <<< "$said" || { echo "CHANGED: the bundle can be bundled for browsers: $said"; exit 1; }
npx esbuild main.mjs --bundle --platform=browser --format=esm --log-level=error > /dev/null || { echo "CHANGED: the main entry cannot"; exit 1; }
cat > page.mjs <<'JS'
import { readFileSync } from 'node:fs'
import vm from 'node:vm'
// What a page has: no `require`, no `module`, its own crypto.
const page = { crypto: globalThis.crypto, console, setTimeout, clearTimeout, URL, TextEncoder, WebSocket: class {}, navigator: {} }
page.self = page; page.window = page; page.globalThis = page
vm.createContext(page)
const text = readFileSync('node_modules/@signalwire/js/dist/browser.umd.js', 'utf8')
try { vm.runInContext(text, page); console.log('loads') } catch (error) { console.log(error.message) }
JS
said=$(node page.mjs)
[ "$said" = "Cannot read properties of undefined (reading 'randomUUID')" ] || { echo "CHANGED: browser.umd.js: $said"; exit 1; }
echo "as described"
