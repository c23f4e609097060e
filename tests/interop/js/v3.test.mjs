// The official browser SDK, version 3, unmodified, against our server. One after the other: its clients share what a
// page has once.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe } from 'node:test'
import WebSocket from 'ws'
import { scenario, until } from './stage.mjs'

// What it takes from its page.
const kept = new Map()
globalThis.window = globalThis
globalThis.WebSocket = WebSocket
globalThis.sessionStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
}
const { SignalWire } = createRequire(import.meta.url)('signalwire-js-v3')

/** A client that is online. */
async function online(server, token) {
  kept.clear()
  const client = await SignalWire({ token, logLevel: 'silent', host: `relay.sw.test:${server.port}` })
  await client.online({ incomingCallHandlers: { all() {} } })
  return client
}

describe('@signalwire/js 3.30.0', () => {
  scenario('connect, be pinged, renew by updateToken', '--ping-every', '1s', async (server) => {
    const token = await server.mint({})
    const client = await online(server, token)
    assert.equal((await client.getSubscriberInfo()).email, 'alice@example.com')
    await client.updateToken(await server.mint({}))
    await until('it answers pings', async () => (await server.counts()).pongs >= 2)

    const counts = await server.counts()
    assert.deepEqual([counts.fresh_connects, counts.reauthenticates, counts.sockets_opened], [1, 1, 1])
    assert.equal(counts.sockets_silent, 0)
    assert.equal(counts.proofs_accepted, 0, 'it knows no proofs')
    await server.assertPleased()
    client.disconnect()
    await until('it has left', async () => (await server.counts()).sessions_live === 0)
  })

  scenario('the socket drops, and the session resumes', async (server) => {
    const client = await online(server, await server.mint({}))
    await server.do('drop_sockets')
    await until('it is back', async () => (await server.counts()).resumes === 1)
    await client.updateToken(await server.mint({}))
    const counts = await server.counts()
    assert.deepEqual([counts.fresh_connects, counts.reauthenticates, counts.sockets_opened], [1, 1, 2])
    await server.assertPleased()
    client.disconnect()
  })

  scenario('a resume is refused: a fresh connect on the same socket', async (server) => {
    const client = await online(server, await server.mint({}))
    await server.do('revoke_states')
    await server.do('drop_sockets')
    await until('a new session', async () => (await server.counts()).fresh_connects === 2)
    await client.updateToken(await server.mint({}))
    const counts = await server.counts()
    assert.deepEqual([counts.resumes, counts.reauthenticates, counts.sockets_opened], [0, 1, 2])
    assert.deepEqual(await server.calls('resume'), { ok: 0, refused: 1, faulty: 0 })
    const [, , fresh] = await server.received('signalwire.connect')
    assert.ok(!('authorization_state' in fresh) && 'protocol' in fresh, 'it forgets the state, and keeps the protocol')
    client.disconnect()
  })

  scenario('a token that is refused', async (server) => {
    const token = await server.mint({})
    await server.do('revoke_tokens')
    await assert.rejects(online(server, token))
    assert.deepEqual(await server.calls('fresh_connect'), { ok: 0, refused: 1, faulty: 0 })
  })
})
