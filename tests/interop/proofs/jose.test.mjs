// Our proofs, and the known answers that they are made by, in the eyes of jose.
import assert from 'node:assert/strict'
import { createHash, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  CompactSign,
  EmbeddedJWK,
  calculateJwkThumbprint,
  compactVerify,
  decodeProtectedHeader,
  importJWK,
  jwtVerify,
} from 'jose'

const vectors = new URL('../../../fixtures/vectors/', import.meta.url)
const known = JSON.parse(readFileSync(new URL('known-answers.json', vectors)))
const lines = readFileSync(process.env.PROOFS, 'utf8').trim().split('\n').map(JSON.parse)
const proofs = lines.filter((line) => line.claims)

const encoded = (text) => Buffer.from(text).toString('base64url')
/** A known answer of `sign` as a compact JWS, from its published parts. */
function compact({ input, header, header_template, claims, signature }) {
  const spelt = header ?? header_template?.replace(':N,', `:"${known.sign[2].n}",`)
  return `${input ?? `${encoded(spelt)}.${encoded(claims)}`}.${signature}`
}
const algorithms = ['ES256', 'RS256']

test('every proof of ours is what it says', async () => {
  assert.ok(proofs.length >= 60)
  for (const { signer, proof, header, claims, thumbprint, token } of proofs) {
    const about = `${header.alg} by ${signer}: ${JSON.stringify(claims)}`
    const verified = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', algorithms })
    assert.deepEqual(verified.protectedHeader, header, about)
    assert.deepEqual(verified.payload, claims, about)
    assert.equal(await calculateJwkThumbprint(header.jwk), thumbprint, about)
    if (claims.ath) assert.equal(createHash('sha256').update(token).digest('base64url'), claims.ath)
  }
  assert.equal(new Set(proofs.map(({ claims }) => claims.jti)).size, proofs.length)
  assert.deepEqual(new Set(proofs.map(({ header }) => header.alg)), new Set(algorithms))
})

test('a proof is its own key’s and nobody else’s, and cannot be changed', async () => {
  for (const { proof, header, thumbprint } of proofs) {
    const other = proofs.find((one) => one.header.alg === header.alg && one.thumbprint !== thumbprint)
    const stranger = await importJWK(other.header.jwk, header.alg)
    await assert.rejects(compactVerify(proof, stranger), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
    const [head, body, signature] = proof.split('.')
    const changed = encoded(Buffer.from(body, 'base64url').toString().replace('"iat":1', '"iat":2'))
    await assert.rejects(jwtVerify(`${head}.${changed}.${signature}`, EmbeddedJWK), {
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    })
  }
})

test('the known answers come out of our code byte for byte', () => {
  const ours = lines.filter((line) => line.known_answer !== undefined)
  assert.deepEqual(ours.map((line) => line.known_answer), [1, 3])
  for (const { known_answer, proof } of ours) assert.equal(proof, compact(known.sign[known_answer]))
})

test('jose agrees with the known answers', async () => {
  for (const { jwk, thumbprint } of known.thumbprints) assert.equal(await calculateJwkThumbprint(jwk), thumbprint)
  for (const { token, ath } of known.ath) assert.equal(createHash('sha256').update(token).digest('base64url'), ath)
  for (const { proof } of known.verify) await compactVerify(proof, EmbeddedJWK)
  const [, , ec, rsa] = known.thumbprints
  for (const answer of known.sign) {
    const { jwk } = answer.alg === 'ES256' ? ec : rsa
    await compactVerify(compact(answer), await importJWK(jwk, answer.alg))
  }
  const header = decodeProtectedHeader(`${known.sat_header.segment}.e30.`)
  assert.deepEqual(header, known.sat_header.json)
})

test('jose signs the known answers of RS256 byte for byte', async () => {
  const der = readFileSync(new URL('a2.pkcs8.der', vectors))
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  for (const answer of known.sign.filter(({ alg }) => alg === 'RS256')) {
    const expected = compact(answer)
    const [header, payload] = expected.split('.').map((part) => Buffer.from(part, 'base64url'))
    const signed = await new CompactSign(payload).setProtectedHeader(JSON.parse(header)).sign(key)
    assert.equal(signed, expected)
  }
})
