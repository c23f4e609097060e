// What a browser has and Node has not, as far as signalling asks for it: descriptions that are always the same, and
// connections that are made as soon as both sides have described themselves.
const DESCRIPTION = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 0',
  'c=IN IP4 0.0.0.0',
  'a=rtpmap:0 PCMU/8000',
  'a=rtcp-mux',
  'a=mid:0',
  'a=sendrecv',
  // The SDK sends no description without a candidate from a server.
  'a=candidate:1 1 udp 1 127.0.0.1 9 typ relay raddr 127.0.0.1 rport 9',
  '',
].join('\r\n')

class Track extends EventTarget {
  kind = 'audio'
  id = 'track'
  enabled = true
  readyState = 'live'
  stop() {
    this.readyState = 'ended'
  }
  getSettings() {
    return {}
  }
  getConstraints() {
    return {}
  }
  async applyConstraints() {}
}

/** Of one track, a silent one. */
export class Stream extends EventTarget {
  tracks = [new Track()]
  getTracks() {
    return this.tracks
  }
  getAudioTracks() {
    return this.tracks
  }
  getVideoTracks() {
    return []
  }
  addTrack() {}
}

const transceiver = (track) => ({
  direction: 'sendrecv',
  sender: { track, async replaceTrack() {}, setStreams() {} },
  receiver: { track: new Track() },
})

/** A connection of one call. `made` has all of them with what they were told. */
class PeerConnection extends EventTarget {
  signalingState = 'stable'
  connectionState = 'new'
  iceConnectionState = 'new'
  iceGatheringState = 'new'
  localDescription = null
  remoteDescription = null
  transceivers = []

  constructor(configuration, made) {
    super()
    this.configuration = configuration
    made.push(this)
  }

  addTransceiver(track) {
    this.transceivers.push(transceiver(track))
    queueMicrotask(() => this.dispatchEvent(new Event('negotiationneeded')))
    return this.transceivers.at(-1)
  }
  getTransceivers() {
    return this.transceivers
  }
  getSenders() {
    return this.transceivers.map(({ sender }) => sender)
  }
  getReceivers() {
    return this.transceivers.map(({ receiver }) => receiver)
  }
  async createOffer() {
    return { type: 'offer', sdp: DESCRIPTION }
  }
  async createAnswer() {
    return { type: 'answer', sdp: DESCRIPTION }
  }
  async setLocalDescription(description) {
    this.localDescription = description
    this.#described(description, 'have-local-offer')
    this.iceGatheringState = 'complete'
    queueMicrotask(() => {
      this.dispatchEvent(new Event('icegatheringstatechange'))
      this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: null }))
    })
  }
  async setRemoteDescription(description) {
    this.remoteDescription = description
    if (this.transceivers.length === 0) this.transceivers.push(transceiver(null))
    this.#described(description, 'have-remote-offer')
  }
  #described({ type }, offered) {
    this.signalingState = type === 'offer' ? offered : 'stable'
    this.dispatchEvent(new Event('signalingstatechange'))
    if (type === 'answer') setTimeout(() => this.#become('connected'))
  }
  #become(state) {
    if (this.connectionState === 'closed') return
    this.connectionState = this.iceConnectionState = state
    this.dispatchEvent(new Event('iceconnectionstatechange'))
    this.dispatchEvent(new Event('connectionstatechange'))
  }
  getConfiguration() {
    return this.configuration
  }
  setConfiguration(configuration) {
    this.configuration = configuration
  }
  restartIce() {}
  async getStats() {
    return new Map()
  }
  close() {
    this.#become('closed')
  }
}

/** The SDK's `webRTCApiProvider` with these, and the connections that it has made. */
export function standIn() {
  const made = []
  return {
    made,
    RTCPeerConnection: function (configuration) {
      return new PeerConnection(configuration, made)
    },
    mediaDevices: {
      getUserMedia: async () => new Stream(),
      enumerateDevices: async () => [],
      addEventListener() {},
      removeEventListener() {},
    },
  }
}
