// The hosts that the SDK derives from a token's `ch` are on this machine, and so is whatever else it could call.
// Preloaded (`node --import`), so that the SDK itself stays as it is.
import dns from 'node:dns'

const lookup = dns.lookup
dns.lookup = (host, options, callback) => {
  const here = /(^|\.)(sw\.test|signalwire\.com)$/.test(host) ? '127.0.0.1' : host
  return callback ? lookup(here, options, callback) : lookup(here, options)
}
