import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readStores } from "../../../../coordinator/plan/read-stores.ts";
import { withTempFolder } from "../../../../shared/core/temp-folder.ts";
import { makeCertificate } from "../../../support/certificate.ts";

test("certificates are read from their files, and each file without a valid one is named by its key", async () => {
  await withTempFolder("stores", async (folder) => {
    const { cert, key } = await makeCertificate();
    const at = async (name: string, content: string) => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };
    const ca = await at("ca.pem", cert);
    const stores = { "s3://": { region: "here" }, "s3://own": { anonymous: true, ca } };
    expect(await readStores({ stores })).toMatchObject({
      settings: { "s3://": { region: "here" }, "s3://own": { anonymous: true, ca: `${cert.trim()}\n` } },
    });
    const two = await at("two.pem", `what it is\n${cert}and another\n${cert}`);
    expect(await readStores({ stores: { "s3://own": { ca: two } } })).toMatchObject({
      settings: { "s3://own": { ca: `${cert.trim()}\n${cert.trim()}\n` } },
    });
    const bad = {
      "s3://a": { ca: join(folder, "none.pem") },
      "s3://b": { ca: await at("key.pem", key) },
      "s3://c": { ca: await at("both.pem", `${cert}${key}`) },
      "s3://d": { ca: await at("cut.pem", cert.replace(/[A-Za-z0-9]{20}/, "")) },
      "s3://e": { ca: await at("text.pem", "no certificate") },
      "s3://f": { ca: await at("large.pem", cert.repeat(4_000)) },
    };
    const refused = await readStores({ stores: { ...stores, ...bad } }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "SPEC_INVALID",
      problems: [
        { where: 'stores."s3://a".ca', what: expect.stringContaining("ENOENT") },
        { where: 'stores."s3://b".ca', what: expect.stringContaining("holds a private key") },
        { where: 'stores."s3://c".ca', what: expect.stringContaining("holds a private key") },
        { where: 'stores."s3://d".ca', what: "holds a certificate that cannot be read" },
        { where: 'stores."s3://e".ca', what: "holds no certificate" },
        { where: 'stores."s3://f".ca', what: expect.stringContaining("too big for certificates") },
      ],
    });
    expect(JSON.stringify(refused)).not.toContain("PRIVATE KEY");
  });
});
