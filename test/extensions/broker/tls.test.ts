import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { refusedByTls, tlsTo } from "../../../extensions/broker/tls.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import { TestCa } from "../../support/certificates.ts";

it("a renewed certificate is shown by the next connection", async () => {
  await withTempFolder("tls", async (folder) => {
    const ca = await TestCa.make(folder);
    const { cert, key } = await ca.sign({ name: "client" });
    const tls = tlsTo(
      new Map([
        ["cacertfile", ca.path],
        ["certfile", cert],
        ["keyfile", key],
      ]),
    );
    const first = { ...tls };
    expect(first.ca).toEqual(await readFile(ca.path));
    await ca.sign({ name: "client" });
    const next = { ...tls };
    expect(next.cert).toEqual(await readFile(cert));
    expect(next.cert).not.toEqual(first.cert);
    expect(next.key).not.toEqual(first.key);
  });
});

it("files that are not there are told of before anybody is spoken to", () => {
  const none = join("/", "none", "ca.pem");
  expect(() => tlsTo(new Map([["cacertfile", none]]))).toThrow(/CA cannot be read/);
});

it("what the network does is no refusal of TLS", () => {
  const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  expect(refusedByTls(reset, new Map())).toBeNull();
});
