import { EXTENSIONS } from "#extensions";

/** Schemes of which an `@` ends the name of a container, or is a part of a key or a path: never a user's. */
const STORES = new Set([
  "file://",
  ...EXTENSIONS.flatMap(({ storage }) => Object.keys(storage?.schemes ?? {}).map((scheme) => `${scheme}://`)),
]);

/**
 * A text as it may be shown. In addresses, broken ones too, what stands before the last `@` (a name and a
 * password) is left out, and from the first `?` or `#` behind an address on all of the text: there may be a
 * signature or a token, with blanks in it. For texts of users, which may be anything: what is known to be an
 * address is better parsed.
 *
 * The time is linear in the length. A text is not cut before: the `@` that marks a password may be behind
 * the cut.
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
  const scheme = schemeIn(word);
  if (scheme === null) {
    const rest = withoutUser("", word);
    return isBehindAddress || rest !== word ? { plain: "", address: rest } : { plain: word, address: null };
  }
  const before = withoutUser("", word.slice(0, scheme.start));
  const shown = word.slice(scheme.start, scheme.end);
  const address = `${shown}${withoutUser(shown, word.slice(scheme.end))}`;
  return isBehindAddress ? { plain: "", address: before + address } : { plain: before, address };
}

/**
 * Finds the scheme that ends at the first colon, with its slashes, even where they are not as they should be.
 * A later colon may be in a password: `u:x:/y@host`. The drive of a Windows path is no scheme.
 */
function schemeIn(word: string): { readonly start: number; readonly end: number } | null {
  const colon = word.indexOf(":");
  if (colon < 0) return null;
  let end = colon + 1;
  while (SLASH.test(word.charAt(end))) end += 1;
  let start = colon;
  while (SCHEME_CHARACTER.test(word.charAt(start - 1))) start -= 1;
  while (start < colon && !LETTER.test(word.charAt(start))) start += 1;
  if (end > colon + 1 && start < colon - 1) return { start, end };
  const web = WEB.exec(word.slice(Math.max(0, colon - 5), colon))?.[0];
  return web === undefined ? null : { start: colon - web.length, end };
}

const SLASH = /[/\\]/;
const LETTER = /[A-Za-z]/;
const SCHEME_CHARACTER = /[A-Za-z0-9+.-]/;
const WEB = /https?$/i;

function withoutUser(scheme: string, rest: string): string {
  const end = rest.lastIndexOf("@") + 1;
  const user = rest.slice(0, end);
  const isNamed = scheme !== "" && !STORES.has(scheme.toLowerCase());
  if (!user.includes(":") && !(isNamed && user !== "")) return rest;
  // It may as well be a query with an `@` in it, that goes on behind a blank.
  return /[?#]/.test(user) ? "?" : `...@${rest.slice(end)}`;
}
