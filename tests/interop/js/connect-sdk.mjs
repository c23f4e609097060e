// One sample of connect.mjs: a page that has just been loaded becomes client-bound.
import { MemoryStorage, noMedia } from './stage.mjs'
import WebSocket from 'ws'
import { SignalWire } from '@signalwire/js'

/** The application's backend, which mints; an origin of its own. */
const backend = `https://example.signalwire.com:${process.env.LINK}/api/fabric/subscribers/tokens`
const credentials = {
  async authenticate({ fingerprint }) {
    const body = { reference: 'alice@example.com', fingerprint, scope: 'sat:refresh' }
    const headers = { authorization: `Basic ${btoa('project:api-token')}`, 'content-type': 'application/json' }
    const answer = await fetch(backend, { method: 'POST', headers, body: JSON.stringify(body) })
    return { token: (await answer.json()).token, expiry_at: Date.now() + 7_200_000 }
  },
}

const start = Date.now()
const client = new SignalWire(credentials, {
  webSocketConstructor: WebSocket,
  storageImplementation: new MemoryStorage(),
  webRTCApiProvider: noMedia,
  skipDeviceMonitoring: true,
  skipRegister: true,
  logLevel: 'silent',
})
// It says so once it is client-bound (README.md of the harness).
client.isConnected$.subscribe((connected) => {
  if (connected) console.log(JSON.stringify({ start, bound: Date.now() }))
})
