import { createRequire } from 'node:module'
import type Koffi from 'koffi'
import { addonIsAt, addonPath } from './koffi-addon.js'

const load = createRequire(import.meta.url)

export const koffi = open()

function open(): typeof Koffi {
  const path = addonPath()
  if (path !== undefined) return load(path)
  const { default: addon } = load('koffi') as { readonly default: typeof Koffi }
  const module = Object.values(load.cache).find((one) => one?.exports === addon)
  if (module !== undefined) addonIsAt(module.filename)
  return addon
}
