/**
 * How a table of request series lies in a memory, from its own beginning on:
 *
 *     names of routes   128 bytes each, see RouteNames
 *     keys              4 bytes for each kind of request, see RequestSeriesTable
 *     histograms        128 bytes for each of them
 */

/** Beyond these, routes are one: `_OTHER`. Numbers above stand for what is no route, see RouteNames. */
export const MAX_ROUTES = 128
export const ROUTE_BYTES = 128

/** Kinds of requests that are told apart. */
export const MAX_SERIES = 1024

/** Up to 15 buckets and the sum, 64 bits each. */
export const HISTOGRAM_CELLS = 16
export const HISTOGRAM_BYTES = HISTOGRAM_CELLS * 8

export const KEYS_OFFSET = MAX_ROUTES * ROUTE_BYTES
export const CELLS_OFFSET = KEYS_OFFSET + MAX_SERIES * 4

export const REQUEST_SERIES_BYTES = CELLS_OFFSET + MAX_SERIES * HISTOGRAM_BYTES
