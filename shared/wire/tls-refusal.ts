import { errorCode } from "../core/errno.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";

interface Connecting {
  readonly address: string;
  readonly host: string;
  /** The file of CAs; null for the system's. */
  readonly ca: string | null;
}

interface Refusal {
  /** Goes on where `the coordinator at HOST:PORT` ends. */
  readonly what: string;
  readonly hint: string;
}

/** What OpenSSL says, of which the user hears the same. */
const UNTRUSTED = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
];
/** Bytes that are no TLS, as an HTTP/2 server's are. */
const NO_TLS = ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG", "EPROTO"];

/** Why a connection by TLS was not made; null where the network is the reason, not TLS. */
export function tlsRefusal(to: Connecting, error: unknown): ShardmillError | null {
  const refusal = refusalOf(to, error);
  if (refusal === null) return null;
  return new ShardmillError("CERTIFICATE_REFUSED", `the coordinator at ${to.address} ${refusal.what}`, {
    fields: { address: to.address },
    hint: refusal.hint,
    cause: error,
  });
}

function refusalOf({ host, ca }: Connecting, error: unknown): Refusal | null {
  const code = errorCode(error) ?? "";
  if (UNTRUSTED.includes(code)) {
    const known = ca === null ? "no CA that this system trusts" : `no CA in ${ca}`;
    return {
      what: `has a certificate that ${known} has signed`,
      hint: "name the CA that signed it with --tls-ca; if it is that one, somebody else may be listening there",
    };
  }
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return {
        what: "has a certificate that has expired",
        hint: "renew the file behind its --tls-cert, which is read again by itself, or set the clock here",
      };
    case "CERT_NOT_YET_VALID":
      return {
        what: "has a certificate that is not valid yet",
        hint: "set the clock on this machine, or on the one that made the certificate",
      };
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return {
        what: `has a certificate for other names than ${host}: ${namesIn(error)}`,
        hint: "connect by one of its names, or have a certificate made for this one (subjectAltName)",
      };
    default:
      return NO_TLS.includes(code) ? NOT_SPOKEN : byText(code, messageOf(error));
  }
}

const NOT_SPOKEN: Refusal = {
  what: "does not speak TLS",
  hint: "start it with --tls-cert and --tls-key; without --tls-ca here, secret and data would be in the clear",
};

function byText(code: string, text: string): Refusal | null {
  if (!code.startsWith("ERR_SSL_") && !code.startsWith("ERR_TLS_")) return null;
  const [, alert = text] = /SSL routines:[^:]*:([^:]+):/.exec(text) ?? [];
  return { what: `ended the TLS handshake: ${alert}`, hint: "check the certificates of both sides" };
}

function namesIn(error: unknown): string {
  const { cert } = error as { readonly cert?: { readonly subjectaltname?: string } };
  return cert?.subjectaltname ?? "none";
}
