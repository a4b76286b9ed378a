const ELLIPSIS = "…";

/** Limit of a name's bytes: enough to recognize a file, and few enough for a log line. */
const MAX_NAME_BYTES = 400;

/** Cuts a text to a number of UTF-8 bytes, between two characters. A cut text ends in an ellipsis. */
export function cutText(text: string, maxBytes: number): string {
  // A UTF-16 unit has at least one byte.
  const bytes = Buffer.from(text.slice(0, maxBytes + 1));
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes - Buffer.byteLength(ELLIPSIS);
  while (isContinuation(bytes[end])) end -= 1;
  return `${bytes.toString("utf8", 0, end)}${ELLIPSIS}`;
}

/** Cuts a name for a message. */
export function cutName(name: string): string {
  return cutText(name, MAX_NAME_BYTES);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
