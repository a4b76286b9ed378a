import type { ServerTls } from "../access/tls-files.ts";
import { ShardmillError } from "../core/errors.ts";
import { type Address, formatAddress, isLoopback } from "../wire/address.ts";

/** Settings of a listening server. */
export interface Listening {
  /** Certificates of the server. Null: no TLS. */
  readonly tls: ServerTls | null;
  /** True when other machines may connect without TLS. The network can then read secret and data. */
  readonly insecure: boolean;
  /**
   * The server also listens without TLS on a port of this machine alone, for workers that the same process
   * starts.
   */
  readonly forOwnWorkers?: boolean;
}

/** Settings for this machine alone. */
export const LOCAL: Listening = { tls: null, insecure: false };

/** @throws {LISTENING_REFUSED} when other machines could connect without TLS, and `insecure` is false */
export function refuseClear(place: Address, { tls, insecure }: Listening, option: string): void {
  if (tls !== null || insecure || isLoopback(place.host)) return;
  const address = formatAddress(place);
  throw new ShardmillError(
    "LISTENING_REFUSED",
    `${option} ${address} would serve other machines without TLS`,
    {
      fields: { address },
      hint: "add --tls-cert and --tls-key, or --insecure if everyone on the network may read the secret",
    },
  );
}
