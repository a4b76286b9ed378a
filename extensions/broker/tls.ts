import type { ConnectionOptions } from "node:tls";
import { TlsFiles } from "../../shared/access/tls-files.ts";
import { type TlsTrouble, tlsTrouble } from "../../shared/access/tls-trouble.ts";
import type { BrokerOptions } from "./address-options.ts";

/** Reason why a broker cannot be used, with a hint. */
export interface Refusal {
  readonly what: string;
  readonly hint: string;
}

/**
 * Returns the TLS options of connections to a broker. Each property reads its file when a connection is made,
 * so a renewed certificate needs no restart.
 *
 * @throws {TLS_INVALID} when the files cannot be used
 */
export function tlsTo(options: BrokerOptions): ConnectionOptions {
  const [cert, key] = [options.get("certfile"), options.get("keyfile")];
  const own = cert === undefined || key === undefined ? null : { cert, key };
  const files = new TlsFiles(options.get("cacertfile") ?? null, own);
  const { minVersion, ...first } = files.latest();
  const names = Object.keys(first) as ("ca" | "cert" | "key")[];
  const tls: ConnectionOptions = minVersion === undefined ? {} : { minVersion };
  for (const name of names)
    Object.defineProperty(tls, name, { enumerable: true, get: () => files.latest()[name] });
  return tls;
}

const HINTS = {
  untrusted:
    "name the CA that signed it in the address, as in `?cacertfile=/etc/ca.pem`, or in NODE_EXTRA_CA_CERTS; if it is that one, somebody else may be listening there",
  expired: "have it renewed, or set the clock here",
  early: "set the clock on this machine, or on the one that made the certificate",
  misnamed: "connect by one of its names, or have a certificate made for this one (subjectAltName)",
  unspoken: "take a port that speaks TLS; without it, password and messages would be in the clear",
  ended:
    "brokers that know their clients by certificates want `?certfile=/etc/client.pem&keyfile=/etc/client.key`, of a CA that they trust",
} as const satisfies Record<TlsTrouble["kind"], string>;

/** Explains a TLS failure. Null: TLS is not the cause. */
export function refusedByTls(error: unknown, options: BrokerOptions): Refusal | null {
  const trouble = tlsTrouble(error, options.get("cacertfile") ?? null);
  return trouble === null ? null : { what: `the broker ${trouble.what}`, hint: HINTS[trouble.kind] };
}
