/** `--inspect`, `--inspect-brk`, `--inspect-port` and the like, with what they are given. */
const INSPECTOR = /(^|\s)--(?:debug|inspect)(?:-[a-z-]+)?(?:=\S*)?(?=\s|$)/g

/**
 * The environment without what `NODE_OPTIONS` says of the inspector: that is meant for the process that it was given to. Each child would
 * try to open the same port again, or wait for a debugger.
 */
export function withoutInspector(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_OPTIONS } = environment
  if (NODE_OPTIONS === undefined || !NODE_OPTIONS.includes('--')) return environment
  return { ...environment, NODE_OPTIONS: NODE_OPTIONS.replace(INSPECTOR, '').trim() }
}
