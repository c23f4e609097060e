// Two clients of the official browser SDK, version 4, unmodified, call each other through our server. Their media are
// stand-ins: Node has no WebRTC.
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { standIn } from './media.mjs'
import { provider, scenario, until } from './stage.mjs'

/** A client of this name that can be called, with its media. */
async function phone(server, witness, name) {
  const media = standIn()
  const credentials = provider(server, { reference: `${name}@example.com` })
  const phone = witness(credentials, { webRTCApiProvider: media })
  await phone.isRegistered()
  return Object.assign(phone, { media })
}

/** Alice has called bob, who has answered: both ends of the call. */
async function talk(server, alice, bob) {
  await until('both are bound', async () => (await server.counts()).reauthenticates === 2)
  let ringing
  bob.client.session.incomingCalls$.subscribe(([call]) => (ringing ??= call))
  const dialled = await alice.client.dial('/private/bob', { audio: true, video: false })
  await until('it rings', () => ringing !== undefined)
  assert.deepEqual([dialled.direction, dialled.status], ['outbound', 'trying'])
  assert.deepEqual([ringing.direction, ringing.status], ['inbound', 'ringing'])
  ringing.answer()
  const both = [dialled, ringing]
  await until('both are connected', () => both.every(isConnected) || both.map(({ status }) => status))
  return both
}

const isConnected = ({ status }) => status === 'connected'

/** The frames of calls from clients, oldest first: method, and what is particular. */
async function frames(server) {
  const all = (await server.received('webrtc.verto')).map(({ message }) => message)
  return all.map(({ method, params: { action, dtmf } }) => [method, action ?? dtmf].filter(Boolean).join(' '))
}

describe('@signalwire/js 4.0.0-beta.12, in a call', { concurrency: 3 }, () => {
  scenario('dialled, answered, digits, held, hung up', async (server, witness) => {
    const [alice, bob] = [await phone(server, witness, 'alice'), await phone(server, witness, 'bob')]
    const [dialled, ringing] = await talk(server, alice, bob)
    // What the connect has told reaches WebRTC.
    const [{ configuration, localDescription, remoteDescription }] = alice.media.made
    assert.equal(configuration.iceServers.length, 1)
    assert.match(configuration.iceServers[0].username, /^\d{10}:/)
    assert.deepEqual([localDescription.type, remoteDescription.type], ['offer', 'answer'])

    await dialled.sendDigits('12#')
    await ringing.toggleHold()
    await ringing.toggleHold()
    await dialled.hangup()
    await until('bob is told', () => ringing.status === 'destroyed' || ringing.status)
    assert.deepEqual(await frames(server), [
      'verto.invite', 'verto.answer', 'verto.info 12#', 'verto.modify hold', 'verto.modify unhold', 'verto.bye',
    ])
    assert.deepEqual([alice.errors, bob.errors], [[], []])
    await server.assertPleased()
  })

  scenario('nobody is there', async (server, witness) => {
    const alice = await phone(server, witness, 'alice')
    const call = await alice.client.dial('/private/nobody', { audio: true, video: false })
    await until('it is over', () => call.status === 'destroyed' || call.status)
    await server.assertPleased()
  })

  scenario('both lose their sockets: the sessions are resumed, the call goes on', async (server, witness) => {
    const [alice, bob] = [await phone(server, witness, 'alice'), await phone(server, witness, 'bob')]
    const [dialled, ringing] = await talk(server, alice, bob)
    await server.do('drop_sockets')
    await until('both are bound again', async () => (await server.counts()).reauthenticates === 4)
    assert.equal((await server.counts()).resumes, 2)
    assert.deepEqual([dialled.status, ringing.status], ['connected', 'connected'])
    await dialled.sendDigits('1')
    await ringing.hangup()
    await until('alice is told', () => dialled.status === 'destroyed' || dialled.status)
    assert.deepEqual(await frames(server), ['verto.invite', 'verto.answer', 'verto.info 1', 'verto.bye'])
    assert.deepEqual([alice.errors, bob.errors], [[], []])
    await server.assertPleased()
  })

  scenario('their sessions are lost: they show the call, and cannot end it', async (server, witness) => {
    const [alice, bob] = [await phone(server, witness, 'alice'), await phone(server, witness, 'bob')]
    const both = await talk(server, alice, bob)
    await server.do('revoke_states')
    await server.do('drop_sockets')
    await until('both are bound again', async () => (await server.counts()).reauthenticates === 4)
    assert.equal((await server.counts()).fresh_connects, 4)
    // So it is in this release: it attaches calls again when a page is loaded, not after a fresh connect of its own.
    assert.ok(both.every(isConnected))
    for (const call of both) await assert.rejects(call.hangup(), { code: -32003 })
    assert.deepEqual(await frames(server), ['verto.invite', 'verto.answer', 'verto.bye', 'verto.bye'])
  })
})
