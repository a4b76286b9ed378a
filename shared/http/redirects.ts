import type { HttpRequest } from "./messages.ts";

/** Target of an answer. */
type Hop =
  | { readonly kind: "here" }
  | { readonly kind: "to"; readonly url: URL }
  | { readonly kind: "refused"; readonly why: string };

/** Statuses that browsers follow without a question. */
const STATUSES: readonly number[] = [301, 302, 303, 307, 308];

/** Limit of redirects: a longer chain is a wrong setting or a trap. */
export const MOST_HOPS = 5;

/** Checks for a redirect, and whether to follow it: only to web addresses, and never from https to http. */
export function hopOf(from: URL, status: number, location: string | undefined): Hop {
  if (!STATUSES.includes(status) || location === undefined) return { kind: "here" };
  const url = URL.canParse(location, from.href) ? new URL(location, from) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    return { kind: "refused", why: "redirects to an address that is not http or https" };
  if (from.protocol === "https:" && url.protocol === "http:")
    return { kind: "refused", why: "redirects from https to http" };
  // A name and a password are for the server that the user named. Another server must not forward them.
  url.username = "";
  url.password = "";
  return { kind: "to", url };
}

/** Moves the name and password of an address to headers for its own server. */
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

/** Makes the request for a redirect's target. Another server gets neither secrets nor the first host. */
export function ledTo(url: URL, { url: from, method, headers, secretHeaders }: HttpRequest): HttpRequest {
  if (url.origin === from.origin)
    return { method, headers, url, ...(secretHeaders === undefined ? {} : { secretHeaders }) };
  const others = Object.entries(headers).filter(([name]) => name.toLowerCase() !== "host");
  return { method, headers: Object.fromEntries(others), url };
}
