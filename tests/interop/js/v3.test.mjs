// The official browser SDK, version 3, unmodified, against our server. One after the other: its clients share what a
// page has once.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe } from 'node:test'
import WebSocket from 'ws'
import { Stream, standIn } from './media.mjs'
import { provider, scenario, until } from './stage.mjs'

// What it takes from its page.
const kept = new Map()
globalThis.window = globalThis
globalThis.WebSocket = WebSocket
globalThis.sessionStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
}
const { mediaDevices, RTCPeerConnection } = standIn()
Object.assign(globalThis, { RTCPeerConnection, MediaStream: Stream })
Object.defineProperty(globalThis, 'navigator', { value: { mediaDevices } })
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

  scenario('it calls one of version 4: answered, digits, hung up', async (server, witness) => {
    const bob = witness(provider(server, { reference: 'bob@example.com' }), { webRTCApiProvider: standIn() })
    await bob.isRegistered()
    let ringing
    bob.client.session.incomingCalls$.subscribe(([call]) => (ringing ??= call))
    const client = await online(server, await server.mint({}))
    const call = await client.dial({ to: '/private/bob', audio: true, video: false })
    const states = []
    call.on('call.state', ({ call_state }) => states.push(call_state))
    // Settled by a `call.joined`, which this server has not: it knows no rooms.
    call.start().catch(() => {})
    await until('it rings', () => ringing !== undefined)
    ringing.answer()
    await until('both know of it', () => (states.includes('answered') && ringing.status === 'connected') || states)
    assert.deepEqual(states, ['created', 'ringing', 'answered'])
    await call.sendDigits('5')
    await call.hangup()
    await until('bob is told', () => ringing.status === 'destroyed' || ringing.status)
    await server.assertPleased()
    client.disconnect()
  })

  scenario('a token that is refused', async (server) => {
    const token = await server.mint({})
    await server.do('revoke_tokens')
    await assert.rejects(online(server, token))
    assert.deepEqual(await server.calls('fresh_connect'), { ok: 0, refused: 1, faulty: 0 })
  })
})
