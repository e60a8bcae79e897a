import { check, declare } from './libc.js'

/** At most 256 bytes (getentropy(3)). */
const getentropy = declare<[Uint8Array, number]>(
  'int getentropy(_Out_ uint8_t *buffer, size_t length)',
)

/** Fills it from the kernel, as `node:crypto` does, whose loading a start would wait for. */
export function fillWithRandomBytes(bytes: Uint8Array): void {
  check(getentropy(bytes, bytes.length), 'getentropy', `${bytes.length} bytes`)
}
