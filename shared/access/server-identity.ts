import { X509Certificate } from "node:crypto";
import { isIPv6 } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";

/**
 * Why a certificate is not that of a host, as Node finds it. Node 22.23 finds no number of IPv6 in any
 * certificate: OpenSSL is asked then.
 *
 * @param host as certificates have it: a number of IPv6 without its brackets
 */
export function identityProblem(host: string, certificate: PeerCertificate): Error | undefined {
  const problem = checkServerIdentity(host, certificate);
  if (problem === undefined || !isIPv6(host)) return problem;
  return new X509Certificate(certificate.raw).checkIP(host) === undefined ? problem : undefined;
}
