import { createRequire } from 'node:module'
import type Koffi from 'koffi'
import { addonIsAt, addonPath } from './koffi-addon.js'

const load = createRequire(import.meta.url)

export const koffi = open()

function open(): typeof Koffi {
  const known = addonPath()
  if (known !== undefined) return load(known)
  const { default: addon } = load('koffi') as { readonly default: typeof Koffi }
  const path = Object.keys(load.cache).find(
    (name) => name.endsWith('.node') && load.cache[name]?.exports === addon,
  )
  if (path !== undefined) addonIsAt(path)
  return addon
}
