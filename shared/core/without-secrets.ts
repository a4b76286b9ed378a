/** Where an address begins, even where its slashes are not as they should be. A drive of Windows is none. */
const SCHEME = /[A-Za-z][A-Za-z0-9+.-]+:[/\\]+|https?:/i;

/** Of these, what stands before an `@` is a container, or a part of a key. */
const STORE = /^(s3|gs|az|abfss|file):\/\/$/i;

/** Of what stands in front of an `@`, with a colon in it: a name and a password. */
const USER = /^.*:.*@/s;

/**
 * A text as it may be shown. In addresses, broken ones too, what stands before the last `@` (a name and a
 * password) is left out, and from the first `?` or `#` behind an address on all of the text: there may be a
 * signature or a token, with blanks in it. For texts of users, which may be anything: what is known to be an
 * address is better parsed.
 */
export function withoutSecrets(text: string): string {
  let shown = "";
  let isBehindAddress = false;
  for (const word of text.split(/(\s+)/)) {
    const { plain, address } = partsOf(word, isBehindAddress);
    shown += plain;
    if (address === null) continue;
    isBehindAddress = true;
    const end = address.search(/[?#]/);
    if (end >= 0) return `${shown}${address.slice(0, end + 1)}...`;
    shown += address;
  }
  return shown;
}

/** A word without its users; null for one that has no address in it and stands behind none. */
function partsOf(
  word: string,
  isBehindAddress: boolean,
): { readonly plain: string; readonly address: string | null } {
  const scheme = SCHEME.exec(word);
  // A password may look as one does: `u:x:/y@host`.
  if (scheme === null || /:/.test(word.slice(0, scheme.index))) {
    const rest = withoutUser("", word);
    return isBehindAddress || rest !== word ? { plain: "", address: rest } : { plain: word, address: null };
  }
  const behind = scheme.index + scheme[0].length;
  const before = withoutUser("", word.slice(0, scheme.index));
  const address = `${scheme[0]}${withoutUser(scheme[0], word.slice(behind))}`;
  return isBehindAddress ? { plain: "", address: before + address } : { plain: before, address };
}

function withoutUser(scheme: string, rest: string): string {
  const end = rest.lastIndexOf("@") + 1;
  const user = rest.slice(0, end);
  const isNamed = scheme !== "" && !STORE.test(scheme);
  if (!USER.test(user) && !(isNamed && user !== "")) return rest;
  // It may as well be a query with an `@` in it, that goes on behind a blank.
  return /[?#]/.test(user) ? "?" : `...@${rest.slice(end)}`;
}
