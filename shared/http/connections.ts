import { setMaxListeners } from "node:events";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import type { checkServerIdentity } from "node:tls";
import { identityProblem } from "../access/server-identity.ts";
import { failed } from "./failures.ts";
import { isInNoProxyNetwork, lookupElsewhere, refuseLocal, refuseLocalName } from "./local-addresses.ts";

/** Whoever sets none of these has no proxy, and loads nothing that knows of them. */
const PROXY_VARIABLES = ["http_proxy", "https_proxy", "all_proxy"];

interface ConnectionOptions {
  /** Certificates of authorities in PEM, which a server is checked against instead of the usual ones. */
  readonly caOf?: (url: URL) => string | undefined;
  /** Whoever names the servers must not lead to this machine, or to what only it can reach. */
  readonly isGuarded?: boolean;
  /** Throws for an address that is not to be asked; redirects lead to others than were named. */
  readonly admit?: (url: URL) => void;
}

/** A line to a server: part of the options of a request. */
export interface Connection {
  readonly agent: HttpAgent;
  readonly ca?: string;
  readonly checkServerIdentity: typeof checkServerIdentity;
  readonly lookup?: LookupFunction;
}

/**
 * Kept connections, straight to servers or by the proxy that the environment names for them (`HTTP_PROXY`,
 * `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either case). How many there are at once is the caller's matter.
 */
export class Connections implements Disposable {
  readonly #caOf: (url: URL) => string | undefined;
  readonly #isGuarded: boolean;
  readonly #admit: (url: URL) => void;
  readonly #agents = new Map<string, HttpAgent>();
  readonly #disposed = new AbortController();

  constructor({ caOf = () => undefined, isGuarded = false, admit = () => {} }: ConnectionOptions = {}) {
    this.#admit = admit;
    this.#caOf = caOf;
    this.#isGuarded = isGuarded;
    setMaxListeners(0, this.#disposed.signal);
  }

  /** Connection to the server of an address, and the proxy that leads to it: its HOST:PORT, null for none. */
  async to(url: URL): Promise<{ readonly proxy: string | null; readonly connection: Connection }> {
    this.#admit(url);
    if (this.#isGuarded) refuseLocal(nameOf(url));
    const proxy = await proxyFor(url);
    if (this.#isGuarded && proxy !== "") await refuseLocalName(nameOf(url));
    const agent = await this.#agentFor(url, proxy);
    const ca = this.#caOf(url);
    const connection: Connection = {
      agent,
      // Not all agents give their own options to what they connect; behind a proxy, not all know the server's
      // name either: one that is a number was taken for `localhost`.
      ...(ca === undefined ? {} : { ca }),
      ...(this.#isGuarded ? { lookup: lookupElsewhere } : {}),
      checkServerIdentity: (_host, certificate) => identityProblem(nameOf(url), certificate),
    };
    return { proxy: URL.canParse(proxy) ? new URL(proxy).host : null, connection };
  }

  [Symbol.dispose](): void {
    this.#disposed.abort();
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #agentFor(url: URL, proxy: string): Promise<HttpAgent> {
    const key = `${url.protocol} ${proxy}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const made = await this.#make(url, proxy);
    // Another may have been faster.
    const agent = this.#agents.get(key) ?? made;
    this.#agents.set(key, agent);
    return agent;
  }

  async #make({ protocol, host }: URL, proxy: string): Promise<HttpAgent> {
    const isSecure = protocol === "https:";
    if (proxy === "") return new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true });
    // What it says may hold a password: it is not shown.
    if (!URL.canParse(proxy) || !["http:", "https:"].includes(new URL(proxy).protocol))
      throw failed(
        "STORE_REFUSED",
        host,
        "has a proxy in the environment that is no address of http or https",
        {
          fields: { variable: "HTTPS_PROXY" },
          hint: "set HTTPS_PROXY or HTTP_PROXY to http://HOST:PORT, or name the host in NO_PROXY",
        },
      );
    // A line to a proxy that never answers is known to no agent: this ends it.
    const ending = { keepAlive: true, signal: this.#disposed.signal };
    if (isSecure) return new (await import("https-proxy-agent")).HttpsProxyAgent(proxy, ending);
    return new (await import("http-proxy-agent")).HttpProxyAgent(proxy, ending);
  }
}

/** As certificates have it: in an address a number of IPv6 stands in brackets. */
function nameOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/** The proxy that the environment names for an address; empty: none. */
async function proxyFor(url: URL): Promise<string> {
  const { env } = process;
  if (!PROXY_VARIABLES.some((name) => env[name] || env[name.toUpperCase()])) return "";
  if (isInNoProxyNetwork(nameOf(url), env.no_proxy || env.NO_PROXY)) return "";
  return (await import("proxy-from-env")).getProxyForUrl(url.href);
}
