import { buildVersion } from "../../shared/core/package-root.ts";
import { HttpEngine } from "../../shared/http/http-engine.ts";

/** A store answers thousands of requests a second; a thread that reads has no use for more connections. */
const AT_ONCE = 64;

export const USER_AGENT = `shardmill/${buildVersion}`;

/**
 * @param ca certificates of authorities in PEM; null: the usual ones
 * @param isGuarded see `Connections`
 */
export function storeEngine(ca: string | null, isGuarded = false): HttpEngine {
  return new HttpEngine({ atOnce: AT_ONCE, isGuarded, ...(ca === null ? {} : { caOf: () => ca }) });
}
