import { describe, expect, test } from "vitest";
import { addressOf, containerOf } from "../../../extensions/azure/blob-place.ts";
import { atEndpoint, azureSettingsOf, type Environment } from "../../../extensions/azure/settings.ts";
import { placeOf } from "../../../extensions/object-store/object-place.ts";
import { parseLocation } from "../../../shared/domain/location.ts";

const key = Buffer.from("hunter2").toString("base64");
const sas = "sv=2021-08-06&sig=hunter2%3D";

test.each<[Environment, string | null, string | null, string]>([
  [{}, null, null, "identity"],
  [{ AZURE_STORAGE_ACCOUNT: "mine" }, "mine", null, "identity"],
  [{ AZURE_STORAGE_ACCOUNT_NAME: "mine", AZURE_STORAGE_ACCOUNT_KEY: key }, "mine", null, "key"],
  [
    { AZURE_STORAGE_ACCOUNT: "mine", AZURE_STORAGE_KEY: key, AZURE_STORAGE_SAS_TOKEN: sas },
    "mine",
    null,
    "key",
  ],
  [{ AZURE_STORAGE_ACCOUNT: "mine", AZURE_STORAGE_SAS_TOKEN: `?${sas}` }, "mine", null, "sas"],
  [
    { AZURE_STORAGE_ACCOUNT: "mine", AZURE_SKIP_SIGNATURE: "true", AZURE_STORAGE_KEY: key },
    "mine",
    null,
    "anonymous",
  ],
  [{ AZURE_STORAGE_ACCOUNT: "mine", AZURE_STORAGE_ANON: "1" }, "mine", null, "anonymous"],
  [
    { AZURE_STORAGE_USE_EMULATOR: "true" },
    "devstoreaccount1",
    "http://127.0.0.1:10000/devstoreaccount1",
    "key",
  ],
  [
    { AZURE_STORAGE_CONNECTION_STRING: "UseDevelopmentStorage=true" },
    "devstoreaccount1",
    "http://127.0.0.1:10000/devstoreaccount1",
    "key",
  ],
  [
    {
      AZURE_STORAGE_CONNECTION_STRING: `AccountName=mine;AccountKey=${key};EndpointSuffix=core.chinacloudapi.cn`,
    },
    "mine",
    "https://mine.blob.core.chinacloudapi.cn/",
    "key",
  ],
  [
    {
      AZURE_STORAGE_CONNECTION_STRING: `BlobEndpoint=https://mine.blob.core.windows.net/;SharedAccessSignature=${sas}`,
    },
    "mine",
    "https://mine.blob.core.windows.net/",
    "sas",
  ],
])("the environment %j selects account, endpoint and access", (env, account, endpoint, kind) => {
  const settings = azureSettingsOf(env);
  expect([settings.account, settings.endpoint?.href ?? null, settings.access.kind]).toEqual([
    account,
    endpoint,
    kind,
  ]);
});

test.each<[string, Environment]>([
  ["AZURE_STORAGE_CONNECTION_STRING", { AZURE_STORAGE_CONNECTION_STRING: "AccountKey=hunter2" }],
  ["AZURE_STORAGE_CONNECTION_STRING", { AZURE_STORAGE_CONNECTION_STRING: "AccountName=a.evil/hunter2" }],
  ["AZURE_STORAGE_ACCOUNT", { AZURE_STORAGE_ACCOUNT: "evil.example/hunter2" }],
  ["AZURE_STORAGE_KEY", { AZURE_STORAGE_ACCOUNT: "mine", AZURE_STORAGE_KEY: "hunter2 " }],
  ["AZURE_STORAGE_SAS_TOKEN", { AZURE_STORAGE_ACCOUNT: "mine", AZURE_STORAGE_SAS_TOKEN: "hunter2" }],
  [
    "AZURE_STORAGE_ENDPOINT",
    { AZURE_STORAGE_ACCOUNT: "mine", AZURE_STORAGE_ENDPOINT: "https://u:hunter2@x" },
  ],
])("an invalid %s is refused, and its value is not shown", (variable, env) => {
  let thrown: unknown;
  try {
    azureSettingsOf(env);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: "STORE_REFUSED", fields: { variable } });
  expect(JSON.stringify([thrown, String(thrown)])).not.toContain("hunter2");
});

describe("the address of a location", () => {
  const addressIn = (location: string, env: Environment) => {
    const place = placeOf(parseLocation(location));
    return addressOf(containerOf(place, azureSettingsOf(env)), place).href;
  };

  test.each([
    ["az://box/a b/c", { AZURE_STORAGE_ACCOUNT: "mine" }, "https://mine.blob.core.windows.net/box/a%20b/c"],
    ["az://box/a", { AZURE_STORAGE_USE_EMULATOR: "1" }, "http://127.0.0.1:10000/devstoreaccount1/box/a"],
    ["abfss://box@yours.dfs.core.windows.net/a", {}, "https://yours.blob.core.windows.net/box/a"],
    ["abfss://box@yours.dfs.core.chinacloudapi.cn/a", {}, "https://yours.blob.core.chinacloudapi.cn/box/a"],
    [
      "abfss://box@devstoreaccount1.dfs.core.windows.net/a",
      { AZURE_STORAGE_USE_EMULATOR: "1" },
      "http://127.0.0.1:10000/devstoreaccount1/box/a",
    ],
  ])("%s with the environment %j is %s", (location, env, address) => {
    expect(addressIn(location, env)).toBe(address);
  });

  test.each(["AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"])(
    "a location in another account is refused when %s has credentials of the configured account",
    (name) => {
      const env = { AZURE_STORAGE_ACCOUNT: "mine", [name]: name.endsWith("KEY") ? key : sas };
      expect(() => addressIn("abfss://box@yours.dfs.core.windows.net/a", env)).toThrow(
        expect.objectContaining({
          code: "STORE_REFUSED",
          fields: expect.objectContaining({ expected: "yours" }),
        }),
      );
    },
  );

  test.each([
    "abfss://box@yours.dfs.core.windows.net.evil.example/a",
    "abfss://box@evil.example/a",
    "abfss://box@a:b@yours.dfs.core.windows.net/a",
    "abfss://box/a",
    "az://box@yours.dfs.core.windows.net/a",
  ])("the invalid location %s is refused", (location) => {
    expect(() => addressIn(location, { AZURE_STORAGE_ACCOUNT: "mine" })).toThrow(/invalid bucket name/);
  });
});

const OWN = { AZURE_STORAGE_ACCOUNT: "mine", AZURE_STORAGE_KEY: key };
test.each<[string, Environment, string, string]>([
  ["https://mine.blob.core.windows.net", OWN, "mine", "key"],
  ["https://mine.privatelink.blob.core.windows.net", OWN, "mine", "key"],
  ["https://other.blob.core.windows.net", OWN, "other", "anonymous"],
  ["https://other.blob.core.windows.net", {}, "other", "identity"],
  ["https://mine.blob.core.chinacloudapi.cn", {}, "mine", "identity"],
  ["http://mine.blob.core.windows.net", {}, "mine", "anonymous"],
  ["https://mine.blob.core.windows.net.example.com", {}, "mine", "anonymous"],
  ["https://blobs.example.com/mine", OWN, "mine", "anonymous"],
  ["http://127.0.0.1:10000/devstoreaccount1", OWN, "devstoreaccount1", "key"],
])(
  "the endpoint %s of a job gets credentials only if it is a host of Azure: %j",
  (endpoint, env, account, kind) => {
    const settings = atEndpoint(azureSettingsOf(env), endpoint);
    expect([settings.account, settings.access.kind]).toEqual([account, kind]);
    expect(settings.endpoint).toEqual(new URL(endpoint));
    const emulators = atEndpoint(azureSettingsOf({ AZURE_STORAGE_USE_EMULATOR: "1" }), endpoint).access;
    if (account === "devstoreaccount1") expect(settings.access).toEqual(emulators);
  },
);
