import { channel } from 'forkthread/handler'
import { ClusterAdapterWithHeartbeat } from 'socket.io-adapter'

/**
 * Rooms and broadcasts of Socket.IO over all threads of all processes. Its own adapter for clusters knows what to say; it only has to be
 * carried, by a channel for each namespace.
 */
export class ChannelAdapter extends ClusterAdapterWithHeartbeat {
  #channel

  /** @param {any} namespace */
  constructor(namespace) {
    super(namespace, {})
    this.#channel = channel(`socket.io ${namespace.name}`)
    this.#channel.onmessage = ({ data }) => {
      if (data.to === undefined || data.to === this.uid) {
        if (data.response) this.onResponse(data.response)
        else this.onMessage(data.message)
      }
    }
    this.init()
  }

  /** @override @param {any} message */
  async doPublish(message) {
    this.#channel.postMessage({ message })
    return ''
  }

  /** @override @param {any} to @param {any} response */
  async doPublishResponse(to, response) {
    this.#channel.postMessage({ to, response })
  }

  /** @override */
  close() {
    super.close()
    this.#channel.close()
  }
}
