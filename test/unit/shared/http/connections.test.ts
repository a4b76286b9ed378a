import type { PeerCertificate } from "node:tls";
import { expect, test } from "vitest";
import { Connections } from "../../../../shared/http/connections.ts";

/** Of what a certificate says as TLS reads it. */
const certificate = (subjectaltname: string) => ({ subject: {}, subjectaltname }) as PeerCertificate;

test.each([
  ["https://[2001:db8::1]:8443/", "IP Address:2001:DB8:0:0:0:0:0:1"],
  ["https://192.0.2.1/", "IP Address:192.0.2.1"],
  ["https://a.test/", "DNS:a.test"],
])("%s is who its certificate says it is, and no other is", async (url, name) => {
  using connections = new Connections();
  const { checkServerIdentity } = (await connections.to(new URL(url))).connection;
  expect(checkServerIdentity("", certificate(name))).toBeUndefined();
  for (const other of ["IP Address:2001:DB8:0:0:0:0:0:2", "DNS:b.test"])
    expect(checkServerIdentity("", certificate(other))).toBeInstanceOf(Error);
});
