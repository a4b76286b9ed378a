import { setMaxListeners } from "node:events";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import type { checkServerIdentity } from "node:tls";
import { identityProblem } from "../access/server-identity.ts";
import { failed } from "./failures.ts";
import { Lines } from "./lines.ts";
import { isInNoProxyNetwork, lookupElsewhere, refuseLocal, refuseLocalName } from "./local-addresses.ts";

/** Proxy variables. Without any of them no proxy is used, and no proxy library is loaded. */
const PROXY_VARIABLES = ["http_proxy", "https_proxy", "all_proxy"];

interface ConnectionOptions {
  /** Returns PEM certificates of authorities for a server, instead of the usual ones. */
  readonly caOf?: (url: URL) => string | undefined;
  /** True when addresses of this machine, or that only it reaches, are refused. */
  readonly isGuarded?: boolean;
  /** Throws for an address that must not be requested: redirects lead to other addresses than were named. */
  readonly admit?: (url: URL) => void;
}

/** Connection options of a request. */
export interface Connection {
  readonly agent: HttpAgent;
  readonly ca?: string;
  readonly checkServerIdentity: typeof checkServerIdentity;
  readonly lookup?: LookupFunction;
}

/** Way to a server. */
interface Reached {
  /** Proxy as HOST:PORT. Null: none. */
  readonly proxy: string | null;
  readonly connection: Connection;
  /** Connections for reads. Null: a proxy is in between. */
  readonly lines: Lines | null;
}

/**
 * Keeps connections, direct or by the proxy that the environment names (`HTTP_PROXY`, `HTTPS_PROXY`,
 * `ALL_PROXY`, `NO_PROXY`, in either case). The caller limits their number.
 */
export class Connections implements Disposable {
  readonly #caOf: (url: URL) => string | undefined;
  readonly #isGuarded: boolean;
  readonly #admit: (url: URL) => void;
  readonly #agents = new Map<string, HttpAgent>();
  readonly #lines = new Lines();
  readonly #disposed = new AbortController();

  constructor({ caOf = () => undefined, isGuarded = false, admit = () => {} }: ConnectionOptions = {}) {
    this.#admit = admit;
    this.#caOf = caOf;
    this.#isGuarded = isGuarded;
    setMaxListeners(0, this.#disposed.signal);
  }

  /** Returns the way to an address's server. */
  async to(url: URL): Promise<Reached> {
    this.#admit(url);
    if (this.#isGuarded) refuseLocal(nameOf(url));
    const proxy = await proxyFor(url);
    if (this.#isGuarded && proxy !== "") await refuseLocalName(nameOf(url));
    const agent = await this.#agentFor(url, proxy);
    const ca = this.#caOf(url);
    const connection: Connection = {
      agent,
      // Not all agents pass their own options to the connections. Behind a proxy, not all use the server's
      // name either: a numeric one was checked as `localhost`.
      ...(ca === undefined ? {} : { ca }),
      ...(this.#isGuarded ? { lookup: lookupElsewhere } : {}),
      checkServerIdentity: (_host, certificate) => identityProblem(nameOf(url), certificate),
    };
    return {
      proxy: URL.canParse(proxy) ? new URL(proxy).host : null,
      connection,
      lines: proxy === "" ? this.#lines : null,
    };
  }

  [Symbol.dispose](): void {
    this.#disposed.abort();
    this.#lines[Symbol.dispose]();
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #agentFor(url: URL, proxy: string): Promise<HttpAgent> {
    const key = `${url.protocol} ${proxy}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const made = await this.#make(url, proxy);
    // A concurrent call may have been faster.
    const agent = this.#agents.get(key) ?? made;
    this.#agents.set(key, agent);
    return agent;
  }

  async #make({ protocol, host }: URL, proxy: string): Promise<HttpAgent> {
    const isSecure = protocol === "https:";
    if (proxy === "") return new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true });
    // The proxy's address may contain a password, so it is not shown.
    if (!URL.canParse(proxy) || !["http:", "https:"].includes(new URL(proxy).protocol))
      throw failed(
        "STORE_REFUSED",
        host,
        "has a proxy in the environment whose address is not http or https",
        {
          fields: { variable: "HTTPS_PROXY" },
          hint: "set HTTPS_PROXY or HTTP_PROXY to http://HOST:PORT, or name the host in NO_PROXY",
        },
      );
    // No agent knows a connection to a proxy that never answers. The signal closes it.
    const ending = { keepAlive: true, signal: this.#disposed.signal };
    if (isSecure) return new (await import("https-proxy-agent")).HttpsProxyAgent(proxy, ending);
    return new (await import("http-proxy-agent")).HttpProxyAgent(proxy, ending);
  }
}

/** Returns the host as certificates have it: without the brackets of an IPv6 address. */
function nameOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/** Returns the proxy that the environment names for an address. Empty: none. */
async function proxyFor(url: URL): Promise<string> {
  const { env } = process;
  if (!PROXY_VARIABLES.some((name) => env[name] || env[name.toUpperCase()])) return "";
  if (isInNoProxyNetwork(nameOf(url), env.no_proxy || env.NO_PROXY)) return "";
  return (await import("proxy-from-env")).getProxyForUrl(url.href);
}
