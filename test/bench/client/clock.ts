/** ms on the clock that all processes of the machine share, and on which servers put their stamps. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** From 1970 to the moment that this clock counts from, in ns. */
export const epochNs = offsetOfEpochNs()

/** Both clocks at the moment at which the one with whole milliseconds jumps; of some attempts the one that nothing interrupted. */
function offsetOfEpochNs(): bigint {
  const attempts = Array.from({ length: 3 }, () => {
    const start = Date.now()
    let before = process.hrtime.bigint()
    let epochMs = Date.now()
    while (epochMs === start) {
      before = process.hrtime.bigint()
      epochMs = Date.now()
    }
    const after = process.hrtime.bigint()
    return { doubtNs: after - before, offsetNs: BigInt(epochMs) * 1_000_000n - before }
  })
  const best = attempts.reduce((a, b) => (b.doubtNs < a.doubtNs ? b : a))
  return best.offsetNs
}
