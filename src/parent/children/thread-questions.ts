import { deserializeError } from '../../shared/errors.js'
import type { CaptureThread } from '../../shared/messages-to-child.js'
import type { ThreadCaptured } from '../../shared/messages-to-parent.js'

interface Question {
  readonly answered: (answer: ThreadCaptured) => void
  readonly failed: (error: Error) => void
}

/** What a child was asked for of one of its threads, and has not answered yet. */
export class ThreadQuestions {
  readonly #ask: (question: CaptureThread) => void
  readonly #open = new Map<number, Question>()
  #last = 0

  constructor(ask: (question: CaptureThread) => void) {
    this.#ask = ask
  }

  /** @throws what the child says went wrong; the error of `end` */
  async ask(question: Omit<CaptureThread, 'type' | 'id'>): Promise<ThreadCaptured> {
    const id = ++this.#last
    return await new Promise((answered, failed) => {
      this.#open.set(id, { answered, failed })
      this.#ask({ type: 'capture', id, ...question })
    })
  }

  /** The child has answered, perhaps what nobody has asked. */
  answer(answer: ThreadCaptured): void {
    const question = this.#open.get(answer.id)
    if (question === undefined) return
    const error = answer.error === undefined ? undefined : deserializeError(answer.error)
    this.#open.delete(answer.id)
    if (error === undefined) question.answered(answer)
    else question.failed(error)
  }

  /** There will be no more answers. */
  end(reason: Error): void {
    for (const { failed } of this.#open.values()) failed(reason)
    this.#open.clear()
  }
}
