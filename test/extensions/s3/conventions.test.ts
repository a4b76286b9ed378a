import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { loadSettings } from "../../../extensions/s3/conventions.ts";
import { AWS_PROFILE, awsFiles } from "../../support/aws-files.ts";

const { at, config } = awsFiles();

test("endpoints are read in botocore's order: environment before profile, and S3 before all services", async () => {
  await config(AWS_PROFILE);
  const settings = (env: Record<string, string>) => loadSettings({ AWS_PROFILE: "svc", ...env }, {});
  const host = async (env: Record<string, string>) => (await settings(env)).endpoint?.host;
  const urls = { AWS_ENDPOINT_URL: "http://env.test", AWS_ENDPOINT_URL_S3: "http://env-s3.test" };
  expect(await host(urls)).toBe("env-s3.test");
  expect(await host({ AWS_ENDPOINT_URL: "http://env.test" })).toBe("env.test");
  expect(await host({})).toBe("s3.test");
  await config(AWS_PROFILE.replace("services = mine", ""));
  expect(await host({})).toBe("global.test");
  await config(`${AWS_PROFILE.replace("services", "ignore_configured_endpoint_urls = true\nservices")}`);
  expect(await host({})).toBeUndefined();
});

test("a missing profile that the job names is refused", async () => {
  await config(AWS_PROFILE);
  await expect(loadSettings({}, { profile: "nope" })).rejects.toMatchObject({
    code: "STORE_REFUSED",
    message: expect.stringContaining("no profile nope, which `stores` names"),
  });
});

test("certificates are read from the configured bundle, and a bundle without certificates is refused", async () => {
  const [good, empty] = [at("good.pem"), at("empty.pem")];
  await writeFile(good, "-----BEGIN CERTIFICATE-----\n");
  await writeFile(empty, "nothing");
  await config(`[default]\nca_bundle = ${good}\n`);
  expect(await loadSettings({}, {})).toMatchObject({ ca: "-----BEGIN CERTIFICATE-----\n" });
  await expect(loadSettings({ AWS_CA_BUNDLE: empty }, {})).rejects.toMatchObject({
    message: "S3 cannot be used: AWS_CA_BUNDLE has no certificates in PEM",
  });
});
