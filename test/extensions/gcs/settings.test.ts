import { expect, test } from "vitest";
import { gcsSettingsOf } from "../../../extensions/gcs/settings.ts";

test.each([
  [{}, "https://storage.googleapis.com/", false],
  [{ STORAGE_EMULATOR_HOST: "localhost:4443" }, "http://localhost:4443/", true],
  [{ STORAGE_EMULATOR_HOST: "http://localhost:4443/storage/v1/" }, "http://localhost:4443/", true],
  [{ STORAGE_EMULATOR_HOST: "https://fake:4443/base" }, "https://fake:4443/base", true],
  [
    { CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: "https://storage-x.p.googleapis.com/storage/v1/" },
    "https://storage-x.p.googleapis.com/",
    false,
  ],
  [{ GOOGLE_SKIP_SIGNATURE: "true" }, "https://storage.googleapis.com/", true],
  [{ GOOGLE_SKIP_SIGNATURE: "false", STORAGE_EMULATOR_HOST: "" }, "https://storage.googleapis.com/", false],
])("the environment %j selects endpoint and access", (env, endpoint, isAnonymous) => {
  const settings = gcsSettingsOf(env);
  expect([settings.endpoint.href, settings.isAnonymous]).toEqual([endpoint, isAnonymous]);
});

test("settings of the job override the environment", () => {
  expect(gcsSettingsOf({}, { anonymous: true, ca: "PEM" })).toMatchObject({ isAnonymous: true, ca: "PEM" });
  expect(gcsSettingsOf({ GOOGLE_SKIP_SIGNATURE: "1" }, { anonymous: false }).isAnonymous).toBe(false);
});

test.each([
  ["https://storage-x.p.googleapis.com", undefined, false],
  ["https://storage-x.p.googleapis.com", true, true],
  ["http://storage-x.p.googleapis.com", false, true],
  ["https://googleapis.com.example.com", false, true],
  ["https://xgoogleapis.com", undefined, true],
  ["http://127.0.0.1:4443", false, true],
])("the endpoint %s of a job gets tokens only if it is a host of Google", (endpoint, anonymous, expected) => {
  const own = { endpoint, ...(anonymous === undefined ? {} : { anonymous }) };
  const settings = gcsSettingsOf({ STORAGE_EMULATOR_HOST: "other:1" }, own);
  expect([settings.endpoint.origin, settings.isAnonymous]).toEqual([endpoint, expected]);
});

test.each([
  ["STORAGE_EMULATOR_HOST", "ftp://host"],
  ["STORAGE_EMULATOR_HOST", "http://user:hunter2@host"],
  ["CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", "storage.example.com"],
])("%s=%s is refused, and its value is not shown", (name, value) => {
  let thrown: unknown;
  try {
    gcsSettingsOf({ [name]: value });
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: "STORE_REFUSED", fields: { variable: name } });
  expect(JSON.stringify([thrown, String(thrown)])).not.toContain("hunter2");
});
