import { errorCode } from "../core/errno.ts";
import { messageOf } from "../core/errors.ts";

/** Reason why a TLS connection failed. */
export interface TlsTrouble {
  readonly kind: "untrusted" | "expired" | "early" | "misnamed" | "unspoken" | "ended";
  /** Predicate of a sentence that begins with `the server at HOST:PORT`. */
  readonly what: string;
}

/** OpenSSL codes that have the same message for users. */
const UNTRUSTED = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
];
/** Codes for bytes that are not TLS, such as those of an HTTP/2 server. */
const NO_TLS = ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG", "EPROTO"];

/**
 * Returns the TLS fault of a failed connection. Null: the network failed.
 *
 * @param ca file of the CAs that authenticate the server. Null: the system's
 */
export function tlsTrouble(error: unknown, ca: string | null): TlsTrouble | null {
  const code = errorCode(error) ?? "";
  if (UNTRUSTED.includes(code)) {
    const known = ca === null ? "no CA that this system trusts" : `no CA in ${ca}`;
    return { kind: "untrusted", what: `has a certificate that ${known} has signed` };
  }
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return { kind: "expired", what: "has a certificate that has expired" };
    case "CERT_NOT_YET_VALID":
      return { kind: "early", what: "has a certificate that is not valid yet" };
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return { kind: "misnamed", what: `has a certificate for other names than ${namesIn(error)}` };
    default:
      if (NO_TLS.includes(code)) return { kind: "unspoken", what: "does not speak TLS" };
      return byText(code, messageOf(error));
  }
}

function byText(code: string, text: string): TlsTrouble | null {
  if (!code.startsWith("ERR_SSL_") && !code.startsWith("ERR_TLS_")) return null;
  const [, alert = text] = /SSL routines:[^:]*:([^:]+):/.exec(text) ?? [];
  return { kind: "ended", what: `ended the TLS handshake: ${alert}` };
}

/** Returns the requested name, and the names in the certificate. */
function namesIn(error: unknown): string {
  const { host, cert } = error as { readonly host?: string; readonly cert?: { subjectaltname?: string } };
  return `${host ?? "this one"}: ${cert?.subjectaltname ?? "none"}`;
}
