import { expect, test } from "vitest";
import { addressOf, s3SettingsOf, storeOf } from "../../../extensions/s3/settings.ts";
import type { StoreSettings } from "../../../shared/domain/job-stores.ts";

const address = (env: Record<string, string>, bucket: string, profile: Record<string, string> = {}) =>
  addressOf(s3SettingsOf(env, profile), bucket).href;

test("a bucket of AWS is part of the host name, except a name with dots", () => {
  expect(address({}, "data")).toBe("https://data.s3.us-east-1.amazonaws.com/");
  expect(address({ AWS_DEFAULT_REGION: "eu-west-1" }, "data")).toBe(
    "https://data.s3.eu-west-1.amazonaws.com/",
  );
  expect(address({}, "data", { region: "cn-north-1" })).toBe("https://data.s3.cn-north-1.amazonaws.com.cn/");
  expect(address({ AWS_REGION: "eu-west-1" }, "my.data")).toBe("https://s3.eu-west-1.amazonaws.com/my.data");
});

test("a bucket of another store is the first part of the path by default", () => {
  const env = { AWS_ENDPOINT_URL: "http://127.0.0.1:9000/base/" };
  expect(address(env, "data")).toBe("http://127.0.0.1:9000/base/data");
  expect(
    address(
      { ...env, SHARDMILL_S3_ADDRESSING: "virtual", AWS_ENDPOINT_URL_S3: "https://s3.example.com" },
      "data",
    ),
  ).toBe("https://data.s3.example.com/");
  expect(address({ AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true", ...env }, "data")).toMatch(/amazonaws/);
});

test("a bucket name that is an invalid host name is sent in the path", () => {
  const names = [
    "Data",
    "evil?",
    "localhost#",
    "3232235777#",
    "a@b",
    "evil/",
    "evil\\",
    "a:80",
    "[::1]",
    "a b",
  ];
  for (const name of names) {
    const { host, pathname } = new URL(address({}, name));
    expect(host, name).toBe("s3.us-east-1.amazonaws.com");
    expect(pathname.length, name).toBeGreaterThan(1);
  }
  const env = { AWS_ENDPOINT_URL: "http://127.0.0.1:9000", SHARDMILL_S3_ADDRESSING: "virtual" };
  expect(address(env, "data")).toBe("http://127.0.0.1:9000/data");
});

test("the environment overrides the profile", () => {
  const profile = { endpoint_url: "https://profile.test", region: "eu-north-1" };
  expect(s3SettingsOf({}, profile)).toMatchObject({ region: "eu-north-1", addressing: "path" });
  expect(address({ AWS_ENDPOINT_URL: "https://env.test" }, "data", profile)).toBe("https://env.test/data");
});

test("an invalid setting is refused with its variable, and a secret in it is not shown", () => {
  for (const endpoint of [
    "ftp://x",
    "nowhere",
    "https://me:hunter2@x",
    "https://:hunter2@x",
    "https://x/?token=hunter2",
  ]) {
    const refuse = () => s3SettingsOf({ AWS_ENDPOINT_URL: endpoint }, {});
    expect(refuse).toThrow(
      expect.objectContaining({
        code: "STORE_REFUSED",
        fields: expect.objectContaining({ variable: "AWS_ENDPOINT_URL" }),
      }),
    );
    expect(refuse).not.toThrow("hunter2");
  }
  const refused = expect.objectContaining({ code: "STORE_REFUSED" });
  expect(() => s3SettingsOf({ SHARDMILL_S3_ADDRESSING: "host" }, {})).toThrow(refused);
  expect(() => s3SettingsOf({ AWS_REGION: "x.evil.example/#" }, {})).toThrow(refused);
});

test("settings of the job override the environment, and its endpoint resets the addressing", () => {
  const env = {
    AWS_ENDPOINT_URL: "https://env.test",
    AWS_REGION: "eu-west-1",
    SHARDMILL_S3_ADDRESSING: "virtual",
  };
  const by = (own: StoreSettings) => addressOf(s3SettingsOf(env, {}, own), "data").href;
  expect(by({})).toBe("https://data.env.test/");
  expect(by({ addressing: "path" })).toBe("https://env.test/data");
  expect(by({ endpoint: "https://own.test:9000" })).toBe("https://own.test:9000/data");
  expect(by({ endpoint: "https://own.test", addressing: "virtual" })).toBe("https://data.own.test/");
  expect(by({ endpoint: "aws" })).toBe("https://data.s3.eu-west-1.amazonaws.com/");
  expect(by({ endpoint: "aws", region: "us-west-2", addressing: "path" })).toBe(
    "https://s3.us-west-2.amazonaws.com/data",
  );
});

test("a store is identified by its endpoint, and AWS is one store in all regions of a partition", () => {
  const store = (env: Record<string, string>, own: StoreSettings = {}) => storeOf(s3SettingsOf(env, {}, own));
  const aws = store({});
  expect(store({ AWS_REGION: "eu-west-1" })).toBe(aws);
  expect(store({ AWS_ENDPOINT_URL: "https://s3.example.com" }, { endpoint: "aws" })).toBe(aws);
  const example = store({ AWS_ENDPOINT_URL_S3: "https://S3.Example.com" });
  expect(store({}, { endpoint: "https://s3.example.com/" })).toBe(example);
  const others = [
    store({ AWS_REGION: "cn-north-1" }),
    store({ AWS_ENDPOINT_URL: "https://s3.example.com:9000" }),
  ];
  expect(new Set([aws, example, ...others]).size).toBe(4);
});
