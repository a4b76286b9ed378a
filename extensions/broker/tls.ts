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
    "name the CA that signed it, as in `?cacertfile=/etc/ca.pem`, or in NODE_EXTRA_CA_CERTS. If that CA is correct, another server may use this address",
  expired: "renew the certificate, or correct this machine's clock",
  early: "correct the clock of this machine, or of the machine that made the certificate",
  misnamed: "connect by one of the certificate's names, or add this name to the certificate (subjectAltName)",
  unspoken: "use a port that speaks TLS. Without TLS, password and messages would be sent unencrypted",
  ended:
    "add `?certfile=/etc/client.pem&keyfile=/etc/client.key` to the address, if the broker requires a client certificate",
} as const satisfies Record<TlsTrouble["kind"], string>;

/** Explains a TLS failure. Null: TLS is not the cause. */
export function refusedByTls(error: unknown, options: BrokerOptions): Refusal | null {
  const trouble = tlsTrouble(error, options.get("cacertfile") ?? null);
  return trouble === null ? null : { what: `the broker ${trouble.what}`, hint: HINTS[trouble.kind] };
}
