import { Channels } from '../../shared/channel.js'
import type { Children } from './children.js'

/**
 * Where the channels of all processes meet. Each message goes through here, so those of one sender keep their order, and all
 * children get all messages in the same one.
 */
export class ChannelHub {
  readonly channels: Channels

  constructor(children: Children) {
    this.channels = new Channels({
      post: (name, data, done) => {
        void Promise.all(children.all.map((child) => child.post(name, data))).then(done)
      },
    })
    children.on('channel', (from, name, data, thread) => {
      for (const child of children.all)
        void child.post(name, data, child === from ? thread : undefined)
      if (this.channels.isOpen(name)) this.channels.deliver(name, data)
    })
  }
}
