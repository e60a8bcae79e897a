import type { RotationWatch } from './rotation-watch.js'

/** Of what this parent has counted; see `Counting`. */
interface Settling {
  settleOften(): void
  stop(): void
}

/**
 * In an upgrade two parents of the pool have children for some time, and nobody knows whom of them he asks. As long as this one heeds the other, that one learns
 * what this one's children count, and a rotation of the access log that only the other was told of reaches them.
 */
export class OtherParent {
  readonly #counting: Settling
  readonly #rotations: RotationWatch

  constructor(counting: Settling, rotations: RotationWatch) {
    this.#counting = counting
    this.#rotations = rotations
  }

  heed(): void {
    this.#counting.settleOften()
    this.#rotations.start()
  }

  forget(): void {
    this.#counting.stop()
    this.#rotations.stop()
  }
}
