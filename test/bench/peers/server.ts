/** What a handler of the benchmark does; `fixtures/work.ts` says how it is asked for. */
export type Work = 'hello' | 'sleep' | 'scrypt' | 'markdown'

/** What is spoken, and over what: HTTP by TCP, HTTP by a unix socket, or an echo of raw bytes by TCP. */
export type Transport = 'tcp' | 'unix' | 'echo'

export type Address = { readonly port: number } | { readonly path: string }

/** A server that can be started and measured. */
export interface Server {
  readonly name: string
  /** Threads that run the handler, so that only equals are compared. */
  readonly threads: number
  /** How it is set up, as a reader could type it or in a few words. */
  readonly configuration: string
  readonly works: readonly Work[]
  readonly transports: readonly Transport[]
  /** Whether an open connection holds a thread, so that more connections than threads starve each other. */
  readonly keepsThreads?: boolean
  /** Called anew for every start. The folder is the server's own and empty; the benchmark removes it. */
  launch(transport: Transport, folder: string): Launch | Promise<Launch>
}

export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly ready: Ready
}

/** How a server says that it serves: by so many lines `listening on ADDRESS`, or by an answer at its address. */
export type Ready = { readonly lines: number } | { readonly answers: Address }

export const everyWork: readonly Work[] = ['hello', 'sleep', 'scrypt', 'markdown']

/** A peer as it stands on this machine: ready to be measured, or the reason why not. */
export type Candidate =
  | { readonly name: string; readonly server: Server }
  | { readonly name: string; readonly missing: string }

/** How many processes of how many threads the pool has; peers get as many threads in all. */
export interface Size {
  readonly processes: number
  readonly threads: number
}
