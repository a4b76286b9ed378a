import { expect, test } from "vitest";
import { matches, namesOf, parseCertificateName } from "../../../../shared/access/certificate-names.ts";

function names(subjectaltname: string, CN?: string | string[]) {
  return namesOf({ subjectaltname, subject: { CN } as never });
}

test("the names of a certificate are its alternative names and its common name", () => {
  const alternatives =
    "DNS:node1.example.com, URI:spiffe://cluster/ns/a/sa/b, IP Address:10.0.0.1, email:a@example.com";
  expect(names(alternatives, "batch")).toEqual([
    "DNS:node1.example.com",
    "URI:spiffe://cluster/ns/a/sa/b",
    "IP:10.0.0.1",
    "EMAIL:a@example.com",
    "CN:batch",
  ]);
  expect(namesOf({})).toEqual([]);
});

test("a quoted alternative name, a name of another kind and several common names are ignored", () => {
  expect(names('DNS:"node1, DNS:admin.example.com", DNS:b')).toEqual(["DNS:b"]);
  expect(names('DNS:"a\\", URI:admin", DNS:b')).toEqual(["DNS:b"]);
  expect(names("othername:<unsupported>, DirName:CN = x, DNS:b")).toEqual(["DNS:b"]);
  expect(names("", ["a", "b"])).toEqual([]);
});

test.each([
  ["DNS:node1.example.com", ["DNS:node1.example.com", "DNS:NODE1.example.com"]],
  ["DNS:*.Example.com", ["DNS:a.example.com", "DNS:A.EXAMPLE.COM"]],
  ["URI:spiffe://cluster/worker", ["URI:spiffe://cluster/worker"]],
  ["EMAIL:a@example.com", ["EMAIL:a@example.com"]],
  ["CN:GPU nodes", ["CN:GPU nodes"]],
])("the pattern %s matches the names %s", (text, shown) => {
  const pattern = parseCertificateName(text);
  expect(shown.filter((name) => !matches(pattern, name))).toEqual([]);
});

test.each([
  ["DNS:node1.example.com", ["DNS:node2.example.com", "DNS:x.node1.example.com", "CN:node1.example.com"]],
  [
    "DNS:*.example.com",
    [
      "DNS:example.com",
      "DNS:a.b.example.com",
      "DNS:aexample.com",
      "DNS:*.example.com",
      "DNS:.example.com",
      "CN:a.example.com",
    ],
  ],
  ["URI:spiffe://cluster/worker", ["URI:spiffe://cluster/worker/a", "URI:SPIFFE://cluster/worker"]],
  ["CN:batch", ["CN:Batch", "DNS:batch", "CN:batch "]],
])("the pattern %s matches none of the names %s", (text, shown) => {
  const pattern = parseCertificateName(text);
  expect(shown.filter((name) => matches(pattern, name))).toEqual([]);
});

test.each([
  "",
  "node1",
  "dns:node1",
  "DNS:",
  "DNS:*",
  "DNS:a.*.b",
  "DNS:a*.b",
  "URI:spiffe://a/*",
  "CN: a",
  "O:x",
])("%j is refused as a certificate name", (text) => {
  expect(() => parseCertificateName(text)).toThrow(expect.objectContaining({ code: "ARGUMENT_INVALID" }));
});
