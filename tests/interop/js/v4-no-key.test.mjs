// The official browser SDK, version 4, where it can have no key: then the provider's refresh() renews.
import './no-web-crypto.mjs'
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { provider, scenario, until } from './stage.mjs'

describe('@signalwire/js 4.0.0-beta.12 without WebCrypto', { concurrency: true }, () => {
  scenario('the provider refreshes, and nobody tells the server', async (server, witness) => {
    const credentials = provider(server, { scope: false, life: 7, refresh: true })
    const alice = witness(credentials)
    await alice.isRegistered()
    await until('two refreshes', () => credentials.calls.refresh >= 2)
    await until('the end of the first token', async () => (await server.counts()).sessions_expired === 1)
    assert.deepEqual(alice.errors, [])
    const counts = await server.counts()
    assert.equal(credentials.calls.authenticate, 1)
    assert.equal(counts.tokens_minted.subscriber, 1 + credentials.calls.refresh)
    // A defect of the SDK: the live session keeps its old token, and its old end.
    assert.equal(counts.reauthenticates, 0)
    assert.equal(counts.proofs_accepted, 0)

    // Only the next socket brings the newest token along, and so the session comes back to life: it is resumed as the
    // expired one that it is, subscriber.online is refused, and to that the SDK answers with a reauthenticate.
    await server.do('drop_sockets')
    await until('it is back', async () => (await server.calls('online')).ok === 2)
    assert.deepEqual(await server.calls('online'), { ok: 2, refused: 1, faulty: 0 })
    const [first, resume] = await server.received('signalwire.connect')
    assert.notEqual(resume.authentication.jwt_token, first.authentication.jwt_token)
    assert.ok(!('dpop_token' in first) && !('dpop_token' in resume))
    const after = await server.counts()
    assert.deepEqual([after.fresh_connects, after.resumes, after.reauthenticates], [1, 1, 1])
    assert.deepEqual(alice.errors, [])
  })

  scenario('a provider that refuses to refresh', async (server, witness) => {
    const credentials = provider(server, { scope: false, life: 6 })
    credentials.refresh = () => (credentials.calls.refresh++, Promise.reject(new Error('no more')))
    const alice = witness(credentials)
    await alice.isRegistered()
    await until('each refusal is told', () => alice.errors.length >= 2)
    assert.deepEqual(alice.errors.slice(0, 2).map((error) => error.message), ['no more', 'no more'])
    assert.equal(alice.client.isConnected, true)
  })
})
