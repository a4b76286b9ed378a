/** Decoder that keeps a U+FEFF at the start of a text, which the defaults of Arrow and Node drop. */
const KEEPING = new TextDecoder("utf-8", { ignoreBOM: true });
const STRICT = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** Decodes UTF-8. Bytes that are not UTF-8 become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return KEEPING.decode(bytes);
}

/**
 * Decodes a document of UTF-8 and removes its byte order mark.
 *
 * @throws {TypeError} when the bytes are not UTF-8
 */
export function decodeDocument(bytes: Uint8Array): string {
  const text = STRICT.decode(bytes);
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** Makes a decoder of UTF-8 that arrives in pieces. The decoder throws when the bytes are not UTF-8. */
export function utf8Stream(): InstanceType<typeof TextDecoder> {
  return new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
}
