/** The ends of a pair of sockets that carries descriptors (see `DescriptorSocket`), as descriptors of this process. */
export interface DescriptorEnds {
  readonly sendEnd: number
  readonly receiveEnd: number
}
