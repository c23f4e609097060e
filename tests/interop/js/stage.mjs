// One server and clients of the official SDK, version 4, against it: what they say and what the server counted.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import WebSocket from 'ws'
import { SignalWire } from '@signalwire/js'

const { SATKEEPER, INTEROP_CA } = process.env
assert.ok(SATKEEPER && INTEROP_CA, 'run this by tests/interop/run')

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Long enough for a machine that is busy with something else. */
const WITHIN = 60_000

/** Waits for `holds`, asked again and again; a failure says what was seen last. */
export async function until(what, holds) {
  const end = Date.now() + WITHIN
  for (;;) {
    const seen = await holds()
    if (seen === true) return
    if (Date.now() > end) assert.fail(`not within ${WITHIN} ms: ${what}; last seen: ${JSON.stringify(seen)}`)
    await sleep(20)
  }
}

/** `satkeeper serve` as a process, ordered about by the lines of its `--control`. */
export class Server {
  static async start(...options) {
    const server = new Server()
    const args = ['serve', '--tls', '--ca-out', INTEROP_CA, '--control', '--requests', '-']
    if (!options.includes('--ch')) args.push('--ch', 'relay.sw.test:0')
    server.process = spawn(SATKEEPER, [...args, ...options], { stdio: ['pipe', 'pipe', 'pipe'] })
    server.answers = []
    server.seen = []
    let complaint = ''
    server.process.stderr.on('data', (text) => (complaint += text))
    server.ended = new Promise((resolve) => server.process.once('close', resolve))
    await new Promise((ready, failed) => {
      server.ended.then((code) => failed(new Error(`satkeeper serve ended with ${code}: ${complaint}`)))
      createInterface({ input: server.process.stdout }).on('line', (line) => {
        const said = JSON.parse(line)
        if (said.https) ready(Object.assign(server, { port: new URL(said.https).port }))
        else if (said.kind) server.seen.push(said)
        else server.answers.shift()(said)
      })
    })
    return server
  }

  /** The host that the SDK takes for REST calls. */
  get fabric() {
    return `fabric.sw.test:${this.port}`
  }

  async order(order) {
    const answer = await new Promise((resolve) => {
      this.answers.push(resolve)
      this.process.stdin.write(`${JSON.stringify(order)}\n`)
    })
    assert.equal(answer.refused, undefined)
    return answer
  }

  async counts() {
    return (await this.order('counts')).counts
  }

  /** How often a call of this kind succeeded, was refused by the rules, was struck by a fault. */
  async calls(kind) {
    const { ok = 0, refused = 0, faulty = 0 } = (await this.counts()).calls[kind] ?? {}
    return { ok, refused, faulty }
  }

  do(act) {
    return this.order({ do: act })
  }

  fault(on, effect, times = { next: 1 }) {
    return this.do({ fault: { on, effect, times } })
  }

  /** All records until now: they come before the answer to an order. */
  async recorded() {
    await this.counts()
    return this.seen
  }

  /** `params` of the calls of this method, oldest first; secrets are tags. */
  async received(method) {
    const frames = (await this.recorded()).filter((one) => one.kind === 'frame_in').map((one) => one.frame)
    return frames.filter((frame) => frame.method === method).map((frame) => frame.params)
  }

  /** The requests to this path, oldest first; secrets are tags. */
  async requests(path) {
    return (await this.recorded()).filter((one) => one.kind === 'request' && one.path === `/api/fabric/${path}`)
  }

  /** As the backend of an application: mints with Basic authorization. */
  async mint(body) {
    const answer = await fetch(`https://${this.fabric}/api/fabric/subscribers/tokens`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('project:api-token')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reference: 'alice@example.com', ...body }),
    })
    assert.equal(answer.status, 200)
    return (await answer.json()).token
  }

  /** No proof was refused and nothing was sent that the server's rules do not know. */
  async assertPleased() {
    const counts = await this.counts()
    assert.deepEqual(counts.proofs_refused, {}, 'proofs refused')
    assert.deepEqual(counts.proofs_ignored, {}, 'bad proofs on calls that need none')
    assert.equal(counts.first_frame_wrong, 0)
    const refused = Object.entries(counts.calls).filter(([, tally]) => tally.refused > 0)
    assert.deepEqual(refused, [], 'calls refused')
  }

  async stop() {
    this.process.stdin.end()
    await this.ended
  }
}

/** What a page keeps in its storages, in memory. */
export class MemoryStorage {
  kept = { local: new Map(), session: new Map() }
  async setItem(key, value, scope) {
    this.kept[scope].set(key, value)
  }
  async getItem(key, scope) {
    return this.kept[scope].get(key) ?? null
  }
  async removeItem(key, scope) {
    this.kept[scope].delete(key)
  }
  async clear(scope) {
    this.kept[scope].clear()
  }
}

/** For those who place no call: media is never asked for. */
export const noMedia = {
  RTCPeerConnection: class {},
  mediaDevices: {
    getUserMedia: async () => assert.fail('no media'),
    enumerateDevices: async () => [],
    addEventListener() {},
    removeEventListener() {},
  },
}

/** The SDK's client with everything that it said about itself. */
export class Witness {
  errors = []
  connected = []
  registered = []
  ready = []
  authenticated = []

  constructor(provider, options = {}) {
    this.client = new SignalWire(provider, {
      webSocketConstructor: WebSocket,
      storageImplementation: new MemoryStorage(),
      webRTCApiProvider: noMedia,
      skipDeviceMonitoring: true,
      logLevel: 'silent',
      ...options,
    })
    this.client.errors$.subscribe((error) => this.errors.push(error))
    this.client.isConnected$.subscribe((is) => this.connected.push(is))
    this.client.isRegistered$.subscribe((is) => this.registered.push(is))
    this.client.ready$.subscribe((is) => this.ready.push(is))
  }

  /** Names of the errors that it reported, in order. */
  get errorNames() {
    return this.errors.map((error) => error.constructor.name)
  }

  async isRegistered() {
    await until('the client is connected and registered', () => {
      const { isConnected, isRegistered } = this.client
      return (isConnected && isRegistered) || { isConnected, isRegistered, errors: this.errors.map(String) }
    })
    // The session exists from here on, and with it the observable of its authentication.
    if (this.authenticated.length === 0) {
      this.client.session.authenticated$.subscribe((is) => this.authenticated.push(is))
    }
  }

  end() {
    try {
      this.client.destroy()
    } catch (error) {
      // A client that never got a credential cannot be destroyed: it misses its parts.
      if (this.connected.includes(true)) throw error
    }
  }
}

/** A provider that asks the application's backend for a token bound to the SDK's key, if `scope`. */
export function provider(server, { scope = true, life, refresh, reference } = {}) {
  const calls = { authenticate: 0, refresh: 0 }
  const mint = async (bind) => {
    const now = Math.floor(Date.now() / 1000)
    const token = await server.mint({ ...(reference && { reference }), ...bind, ...(life && { expire_at: now + life }) })
    return { token, expiry_at: (now + (life ?? 7200)) * 1000 }
  }
  const credentials = {
    calls,
    authenticate(context) {
      calls.authenticate += 1
      const fingerprint = context?.fingerprint
      return mint(scope && fingerprint ? { fingerprint, scope: 'sat:refresh' } : {})
    },
  }
  if (refresh) {
    credentials.refresh = () => {
      calls.refresh += 1
      return mint({})
    }
  }
  return credentials
}

/** A scenario with a server of its own, started with `options`. */
export function scenario(title, ...rest) {
  const run = rest.pop()
  it(title, { timeout: 120_000 }, async () => {
    const server = await Server.start(...rest)
    const witnesses = []
    try {
      await run(server, (...args) => (witnesses.push(new Witness(...args)), witnesses.at(-1)))
    } finally {
      for (const witness of witnesses) witness.end()
      await server.stop()
    }
  })
}
