/** What a request to the admin address gets, unless it is a stream. */
export interface Answer {
  readonly status: number
  readonly body: string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}
