import { X509Certificate } from "node:crypto";
import { generate } from "selfsigned";
import { expect, test } from "vitest";
import { Connections } from "../../../../shared/http/connections.ts";

/** Returns a certificate for a name or an address, as TLS parses it. */
async function certificate(
  altName: { readonly type: 2; readonly value: string } | { readonly type: 7; readonly ip: string },
) {
  const { cert } = await generate([{ name: "commonName", value: "x" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: [altName] }],
  });
  return new X509Certificate(cert).toLegacyObject();
}

test.each([
  ["https://[2001:db8::1]:8443/", { type: 7, ip: "2001:db8::1" }],
  ["https://192.0.2.1/", { type: 7, ip: "192.0.2.1" }],
  ["https://a.test/", { type: 2, value: "a.test" }],
] as const)("%s is accepted only with a certificate for its own name or address", async (url, name) => {
  using connections = new Connections();
  const { checkServerIdentity } = (await connections.to(new URL(url))).connection;
  expect(checkServerIdentity("", await certificate(name))).toBeUndefined();
  for (const other of [
    { type: 7, ip: "2001:db8::2" },
    { type: 2, value: "b.test" },
  ] as const)
    expect(checkServerIdentity("", await certificate(other))).toBeInstanceOf(Error);
});
