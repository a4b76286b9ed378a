import type { HttpRequest } from "./messages.ts";

/** Where an answer leads. */
type Hop =
  | { readonly kind: "here" }
  | { readonly kind: "to"; readonly url: URL }
  | { readonly kind: "refused"; readonly why: string };

/** What browsers follow without a question. */
const STATUSES: readonly number[] = [301, 302, 303, 307, 308];

/** A server that leads on and on is a fault in its settings, or a trap. */
export const MOST_HOPS = 5;

/**
 * Whether an answer leads elsewhere, and whether that may be followed: to web addresses only, and never from
 * a line that nobody else reads to one that others can.
 */
export function hopOf(from: URL, status: number, location: string | undefined): Hop {
  if (!STATUSES.includes(status) || location === undefined) return { kind: "here" };
  const url = URL.canParse(location, from.href) ? new URL(location, from) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    return { kind: "refused", why: "redirects to what is no web address" };
  if (from.protocol === "https:" && url.protocol === "http:")
    return { kind: "refused", why: "redirects from https to http" };
  // A name and a password are for the server that the user named, and for no other to hand out.
  url.username = "";
  url.password = "";
  return { kind: "to", url };
}

/** A name and a password in an address are for its own server. */
export function withUserAsSecret(request: HttpRequest): HttpRequest {
  const { username, password } = request.url;
  if (username === "" && password === "") return request;
  const url = new URL(request.url);
  url.username = "";
  url.password = "";
  const user = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  const authorization = `Basic ${user.toString("base64")}`;
  return { ...request, url, secretHeaders: { authorization, ...request.secretHeaders } };
}

/** What is asked where a request was led: another server is told no secret, nor that it is the first one. */
export function ledTo(url: URL, { url: from, method, headers, secretHeaders }: HttpRequest): HttpRequest {
  if (url.origin === from.origin)
    return { method, headers, url, ...(secretHeaders === undefined ? {} : { secretHeaders }) };
  const others = Object.entries(headers).filter(([name]) => name.toLowerCase() !== "host");
  return { method, headers: Object.fromEntries(others), url };
}
