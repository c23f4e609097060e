// The official browser SDK, version 4, unmodified, against our server.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { provider, Server, sleep, until, Witness } from './stage.mjs'

/** Runs `scenario` with a server of its own, and ends both. */
const scenario = (title, options, run) =>
  it(title, async () => {
    const server = await Server.start('--official', ...options)
    const witnesses = []
    try {
      await run(server, (...args) => (witnesses.push(new Witness(...args)), witnesses.at(-1)))
    } finally {
      for (const witness of witnesses) witness.end()
      await server.stop()
    }
  })

describe('@signalwire/js 4.0.0-beta.12', { concurrency: true }, () => {
  scenario('fresh connect with a token without scope', [], async (server, witness) => {
    const alice = witness(provider(server, { scope: false }))
    await alice.isRegistered()
    assert.deepEqual(alice.errors, [])
    assert.equal(alice.client.user.email, 'alice@example.com')
    assert.deepEqual(alice.authenticated, [true])
    const counts = await server.counts()
    assert.equal(counts.fresh_connects, 1)
    assert.equal(counts.reauthenticates, 0)
    assert.equal(counts.sessions_live, 1)
    assert.deepEqual(await server.calls('devices_token'), { ok: 0, refused: 0, faulty: 0 })
    assert.deepEqual(await server.calls('online'), { ok: 1, refused: 0, faulty: 0 })
    // Its proof on an unbound connect holds too.
    assert.equal(counts.proofs_accepted, 1)
    await server.assertPleased()
  })

  scenario('client-bound activation and two renewals', ['--device-ttl', '33s'], async (server, witness) => {
    const alice = witness(provider(server))
    await alice.isRegistered()
    assert.deepEqual(await server.calls('devices_token'), { ok: 1, refused: 0, faulty: 0 })
    assert.equal((await server.counts()).reauthenticates, 1)
    await until('two renewals, each pushed', async () => {
      const { reauthenticates, calls } = await server.counts()
      return (reauthenticates >= 3 && calls.devices_refresh.ok >= 2) || { reauthenticates, calls }
    })
    assert.deepEqual(alice.errors, [])
    assert.deepEqual(alice.authenticated, [true])
    assert.equal(alice.client.isConnected, true)
    const counts = await server.counts()
    assert.equal(counts.sockets_opened, 1)
    assert.equal(counts.acks, counts.events_sent)
    await server.assertPleased()
  })
})
