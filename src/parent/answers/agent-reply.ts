/** What the agent-check needs to know of the pool. */
export interface AgentSituation {
  readonly state: 'starting' | 'serving' | 'draining' | 'closing' | 'closed'
  /** Why the pool is not ready for traffic; `undefined` when it is. */
  readonly notReady: string | undefined
  readonly threads: { readonly idle: number; readonly max: number }
}

/** 0 % would drain a server that is merely busy. */
const LEAST_PERCENT = 1

/**
 * The line for HAProxy's agent-check (its configuration manual, "agent-check"). `drain` and `maint` stick until `ready` comes, so the word for the
 * administrative state is said each time, beside the one for the operational state.
 */
export function agentReply({ state, notReady, threads }: AgentSituation): string {
  if (state === 'draining') return 'drain\n'
  if (state === 'closing' || state === 'closed') return 'maint\n'
  // What follows the # ends with the line.
  if (notReady !== undefined) return `ready down #${notReady.replace(/\s+/g, ' ')}\n`
  const percent = Math.round((100 * threads.idle) / Math.max(threads.max, 1))
  return `ready up ${Math.min(Math.max(percent, LEAST_PERCENT), 100)}%\n`
}
