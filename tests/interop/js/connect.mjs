// From start to bound over a slow link: the official browser SDK and our client, on one server, in one run.
// Called by ./connect; prints a table. `SAMPLES=n` for other than 5 of each.
import { spawn } from 'node:child_process'
import net from 'node:net'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Server } from './stage.mjs'

const SAMPLES = Number(process.env.SAMPLES ?? 5)
/** The link, delay each way in ms. */
const LINK = 50

/**
 * A relay with `delay` ms each way, which counts. It cannot hold back the handshake of a TCP connection, which the
 * machine answers by itself: so it holds back the first bytes for a round trip more.
 *
 * Trips are counted by what has to be waited for (Lamport's clocks, in round trips), so that no computing and no busy
 * machine count: what the client sends is as late as the latest thing that it has received, what the server sends as
 * late as the latest on the same connection; and each way takes a half.
 */
class Relay {
  delay = 0

  static async listen() {
    const relay = new Relay()
    relay.listener = net.createServer((client) => relay.carry(client))
    relay.listener.listen(0, '127.0.0.1')
    await once(relay.listener, 'listening')
    return Object.assign(relay, { port: relay.listener.address().port })
  }

  /** Begins to count anew. */
  reset() {
    this.arrivals = { client: [{ at: 0, trips: 0 }], server: [{ at: 0, trips: 0 }] }
  }

  /** The trips that had been waited for at this time, at this end. */
  trips(end, at) {
    const before = this.arrivals[end].filter((arrival) => arrival.at <= at)
    return Math.max(...before.map((arrival) => arrival.trips))
  }

  carry(client) {
    const server = net.connect(this.server, '127.0.0.1')
    const { arrivals } = this
    /** What the server has received on this connection; at first only its handshake is on the way. */
    let reached = 0
    let handshake = 1
    const pass = (from, to, depart, arrive) => {
      from.setNoDelay(true)
      // What leaves later arrives later: one queue for each direction.
      let due = 0
      from.on('data', (bytes) => {
        const wait = this.delay * (1 + 2 * (from === client ? handshake : 0))
        const trips = depart()
        due = Math.max(due, Date.now() + wait)
        setTimeout(() => (arrive(trips), to.write(bytes)), due - Date.now())
      })
      from.on('end', () => setTimeout(() => to.end(), Math.max(due - Date.now(), this.delay)))
      from.on('error', () => to.destroy())
    }
    pass(
      client,
      server,
      () => {
        const trips = this.trips('client', Date.now()) + handshake + 0.5
        handshake = 0
        return trips
      },
      (trips) => {
        reached = Math.max(reached, trips)
        arrivals.server.push({ at: Date.now(), trips })
      },
    )
    pass(
      server,
      client,
      () => reached + 0.5,
      (trips) => arrivals.client.push({ at: Date.now(), trips }),
    )
  }
}

/** The first line of JSON from a program for which `wanted` holds. */
async function line(program, args, options, wanted) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options })
  const ended = once(child, 'close')
  for await (const text of createInterface({ input: child.stdout })) {
    const said = JSON.parse(text)
    if (wanted(said)) {
      child.kill()
      await ended
      return said
    }
  }
  throw new Error(`${program} ended before it was bound`)
}

/** A page that has loaded the SDK, made anew: nothing is connected yet. */
async function theirs(port) {
  const options = { env: { ...process.env, LINK: port } }
  const { start, bound } = await line(process.execPath, ['--import', './names.mjs', 'connect-sdk.mjs'], options, () => true)
  return { start, bound }
}

/** Our client as a program, its start included. Like the page it mints at an origin of its own. */
async function ours(port) {
  const at = `127.0.0.1:${port}`
  const args = ['run', '--provider', 'subscriber', '--project', 'project', '--reference', 'alice@example.com']
  args.push('--space-url', `https://localhost:${port}`, '--fabric-url', `https://${at}`, '--relay-url', `wss://${at}`)
  args.push('--ca-file', process.env.INTEROP_CA, '--events', '-', '-qq')
  const start = Date.now()
  const options = { env: { ...process.env, SATKEEPER_API_TOKEN: 'api-token' } }
  const { unix_ms: bound } = await line(process.env.SATKEEPER, args, options, ({ event }) => event === 'bound')
  return { start, bound }
}

/** What of it reached the server, and after how many round trips. */
async function trace(server, relay, { start, bound }) {
  const name = ({ kind, path, frame }) =>
    kind === 'request' ? path.replace('/api/fabric/', '') : kind === 'socket_opened' ? 'socket' : frame?.method
  return (await server.recorded())
    .filter((one) => one.ms >= start && one.ms <= bound && ['request', 'socket_opened', 'frame_in'].includes(one.kind))
    .filter(name)
    .map((one) => `${name(one)} ${relay.trips('server', one.ms)}`)
    .join(', ')
}

const relay = await Relay.listen()
const server = await Server.start('--ch', `relay.sw.test:${relay.port}`)
relay.server = server.port

const clients = { 'official SDK 4.0.0-beta.12': theirs, satkeeper: ours }
const rows = Object.keys(clients).map((client) => ({ client, near: [], far: [], trips: Infinity }))
for (const [column, delay] of [['near', 0], ['far', LINK]]) {
  relay.delay = delay
  for (let n = 0; n < SAMPLES; n++) {
    for (const row of rows) {
      relay.reset()
      const times = await clients[row.client](relay.port)
      row[column].push(times.bound - times.start)
      const trips = relay.trips('client', times.bound)
      // On a busy machine two ways that go side by side can look like one after the other: the least is right.
      if (delay > 0 && trips < row.trips) Object.assign(row, { trips, trace: await trace(server, relay, times) })
    }
  }
}

const median = (times) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]
const told = (times) => `${median(times)} (${Math.min(...times)})`
console.log(`\nFrom start to bound, ${SAMPLES} samples each, median (least):\n`)
console.log(`| client | ms, ${LINK} ms each way | ms, without delay | sequential round trips |`)
console.log('|---|---|---|---|')
for (const { client, far, near, trips } of rows) console.log(`| ${client} | ${told(far)} | ${told(near)} | ${trips} |`)
console.log('\nWhat reached the server, after how many round trips:\n')
for (const { client, trace } of rows) console.log(`* ${client}: ${trace}`)

await server.stop()
relay.listener.close()
const [official, own] = rows.map((row) => row.trips)
console.log(`\n${official - own} round trips fewer; the goal is 2`)
process.exit(official - own >= 2 ? 0 : 1)
