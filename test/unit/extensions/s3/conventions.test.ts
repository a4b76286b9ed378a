import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadSettings } from "../../../../extensions/s3/conventions.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-aws-"));
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "none"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** The library keeps files by their names. */
let files = 0;
async function config(text: string): Promise<void> {
  files += 1;
  const path = join(folder, `config-${files}-${process.pid}`);
  await writeFile(path, text);
  vi.stubEnv("AWS_CONFIG_FILE", path);
}

const PROFILE = `[profile svc]
aws_access_key_id = PROFILE
aws_secret_access_key = p
endpoint_url = http://global.test
services = mine
[services mine]
sqs =
  endpoint_url = http://sqs.test
s3 =
  endpoint_url = http://s3.test
`;

test("endpoints are taken in botocore's order: of the environment before the profile, of S3 before all services", async () => {
  await config(PROFILE);
  const settings = (env: Record<string, string>) => loadSettings({ AWS_PROFILE: "svc", ...env }, {});
  const host = async (env: Record<string, string>) => (await settings(env)).endpoint?.host;
  const urls = { AWS_ENDPOINT_URL: "http://env.test", AWS_ENDPOINT_URL_S3: "http://env-s3.test" };
  expect(await host(urls)).toBe("env-s3.test");
  expect(await host({ AWS_ENDPOINT_URL: "http://env.test" })).toBe("env.test");
  expect(await host({})).toBe("s3.test");
  await config(PROFILE.replace("services = mine", ""));
  expect(await host({})).toBe("global.test");
  await config(`${PROFILE.replace("services", "ignore_configured_endpoint_urls = true\nservices")}`);
  expect(await host({})).toBeUndefined();
});

test("a profile that the job names must exist", async () => {
  await config(PROFILE);
  await expect(loadSettings({}, { profile: "nope" })).rejects.toMatchObject({
    code: "STORE_REFUSED",
    message: expect.stringContaining("no profile nope, which `stores` names"),
  });
});

test("certificates come from the environment's bundle or the profile's, which must have some", async () => {
  const [good, empty] = [join(folder, "good.pem"), join(folder, "empty.pem")];
  await writeFile(good, "-----BEGIN CERTIFICATE-----\n");
  await writeFile(empty, "nothing");
  await config(`[default]\nca_bundle = ${good}\n`);
  expect(await loadSettings({}, {})).toMatchObject({ ca: "-----BEGIN CERTIFICATE-----\n" });
  await expect(loadSettings({ AWS_CA_BUNDLE: empty }, {})).rejects.toMatchObject({
    message: "S3 cannot be reached from here: AWS_CA_BUNDLE has no certificates in PEM",
  });
});
