import { buildVersion } from "../../shared/core/package-root.ts";
import { HttpEngine } from "../../shared/http/http-engine.ts";

/**
 * Limit of concurrent requests. A store answers thousands a second, and a reading thread cannot use more
 * connections.
 */
const AT_ONCE = 64;

export const USER_AGENT = `shardmill/${buildVersion}`;

/**
 * @param ca certificates of authorities in PEM, or null for the default ones
 * @param isGuarded see `Connections`
 */
export function storeEngine(ca: string | null, isGuarded = false): HttpEngine {
  return new HttpEngine({ atOnce: AT_ONCE, isGuarded, ...(ca === null ? {} : { caOf: () => ca }) });
}
