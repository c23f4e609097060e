// Runs the simulation's wasm32-wasip1 build: node --no-warnings wasi.mjs simulate.wasm --digest-only …
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';
const wasi = new WASI({ version: 'preview1', args: ['simulate', ...process.argv.slice(3)], env: {} , returnOnExit: true});
const module = await WebAssembly.compile(await readFile(process.argv[2]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
