import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readStores } from "../../../../coordinator/plan/read-stores.ts";
import { withTempFolder } from "../../../../shared/core/temp-folder.ts";
import { makeCertificate } from "../../../support/certificate.ts";

test("certificates come from their files; each file that holds none is named by its key", async () => {
  await withTempFolder("stores", async (folder) => {
    const { cert, key } = await makeCertificate();
    const at = async (name: string, content: string) => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };
    const ca = await at("ca.pem", cert);
    const stores = { "s3://": { region: "here" }, "s3://own": { anonymous: true, ca } };
    expect(await readStores({ stores })).toEqual({
      settings: { "s3://": { region: "here" }, "s3://own": { anonymous: true, ca: cert } },
    });
    const bad = { "s3://a": { ca: join(folder, "none.pem") }, "s3://b": { ca: await at("key.pem", key) } };
    const refused = await readStores({ stores: { ...stores, ...bad } }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "SPEC_INVALID",
      problems: [
        { where: 'stores."s3://a".ca', what: expect.stringContaining("ENOENT") },
        { where: 'stores."s3://b".ca', what: "holds no certificate" },
      ],
    });
    expect(JSON.stringify(refused)).not.toContain("PRIVATE KEY");
  });
});
