import { EXTENSIONS } from "#extensions";

/** Schemes without users. Their `@` ends a container's name, or is a part of a key or path. */
const STORES = new Set([
  "file://",
  ...EXTENSIONS.flatMap(({ storage }) => Object.keys(storage?.schemes ?? {}).map((scheme) => `${scheme}://`)),
]);

/**
 * Removes secrets from a text that is shown. In addresses, broken ones too, removes the part before the last
 * `@`: a name and a password. Removes all text after the first `?` or `#` behind an address: a signature or
 * token, perhaps with blanks. Meant for arbitrary texts of users. Parse known addresses instead.
 *
 * Takes time linear in the length. Do not cut the text first: the `@` that marks a password may be after the
 * cut.
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

/** Splits a word, without its users. A null address: the word has no address and follows none. */
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
 * Finds the scheme at the first colon, with its slashes, even malformed ones. A later colon may be in a
 * password: `u:x:/y@host`. The drive of a Windows path is no scheme.
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
  // It may also be a query that contains an `@` and continues after a blank.
  return /[?#]/.test(user) ? "?" : `...@${rest.slice(end)}`;
}
