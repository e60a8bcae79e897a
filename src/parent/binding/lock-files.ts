export type Mechanism = 'flock' | 'fcntl' | 'none'

/**
 * The files of the accept mutex. Each child opens them anew, since a lock belongs to the open file description, which an inherited
 * descriptor would share.
 */
export interface LockFiles {
  /** Files in memory, without a name in the file system, so that nobody can remove them: children inherit them, and open them through /proc. */
  readonly descriptors: readonly number[]
  /** Files with a name, where the system knows no other way (macOS). */
  readonly paths: readonly string[]
  /** The folder of the latter. */
  readonly folder: string | undefined
  remove(): void
}
