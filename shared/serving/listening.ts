import type { ServerTls } from "../access/tls-files.ts";
import { ShardmillError } from "../core/errors.ts";
import { type Address, formatAddress, isLoopback } from "../wire/address.ts";

/** How a server takes connections. */
export interface Listening {
  /** Null: in the clear. */
  readonly tls: ServerTls | null;
  /** Whether it may be reached in the clear from other machines: secret and data can be read on the way. */
  readonly insecure: boolean;
  /** Beside TLS, in the clear on a port of this machine alone: for workers that the same process starts. */
  readonly forOwnWorkers?: boolean;
}

/** For this machine alone. */
export const LOCAL: Listening = { tls: null, insecure: false };

/** @throws {LISTENING_REFUSED} when others would be answered in the clear, and nobody said that they may */
export function refuseClear(place: Address, { tls, insecure }: Listening, option: string): void {
  if (tls !== null || insecure || isLoopback(place.host)) return;
  const address = formatAddress(place);
  throw new ShardmillError(
    "LISTENING_REFUSED",
    `${option} ${address} would answer other machines in the clear`,
    {
      fields: { address },
      hint: "give --tls-cert and --tls-key; or --insecure, where everybody on the network may read the secret",
    },
  );
}
