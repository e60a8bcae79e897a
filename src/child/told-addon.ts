import { addonIsAt } from '../sys/koffi-addon.js'

// Imported before anything that would look for it.
const [, , path] = process.argv
if (path !== undefined) addonIsAt(path)
