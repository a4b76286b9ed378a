import { X509Certificate } from "node:crypto";
import { isIPv6 } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";

/**
 * Returns the reason why a certificate is not that of a host, by Node's check. Node 22.23 matches no IPv6
 * address in certificates, so OpenSSL checks those.
 *
 * @param host host name as in certificates: an IPv6 address without brackets
 */
export function identityProblem(host: string, certificate: PeerCertificate): Error | undefined {
  const problem = checkServerIdentity(host, certificate);
  if (problem === undefined || !isIPv6(host)) return problem;
  return new X509Certificate(certificate.raw).checkIP(host) === undefined ? problem : undefined;
}
