const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

const VALUES = new Map([...ALPHABET].map((char, value) => [char, value]));

/**
 * Decodes z85, in which five characters are four bytes. Null: the text is none.
 *
 * Source: https://rfc.zeromq.org/spec/32/
 */
export function z85Bytes(text: string): Uint8Array | null {
  if (text.length % 5 !== 0) return null;
  const bytes = new Uint8Array((text.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < text.length; at += 5) {
    let value = 0;
    for (let char = at; char < at + 5; char += 1) {
      const digit = VALUES.get(text[char] ?? "");
      if (digit === undefined) return null;
      value = value * 85 + digit;
    }
    if (value >= 2 ** 32) return null;
    view.setUint32((at / 5) * 4, value);
  }
  return bytes;
}
