import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { refusedByTls, tlsTo } from "../../../extensions/broker/tls.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import { TestCa } from "../../support/certificates.ts";

it("the next connection presents a renewed certificate", async () => {
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

it("a missing CA file is reported before any connection", () => {
  const none = join("/", "none", "ca.pem");
  expect(() => tlsTo(new Map([["cacertfile", none]]))).toThrow(/CA cannot be read/);
});

it("a reset connection is not reported as a TLS refusal", () => {
  const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  expect(refusedByTls(reset, new Map())).toBeNull();
});
