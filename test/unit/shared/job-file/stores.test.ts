import { expect, test } from "vitest";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { parseJobText } from "../../../../shared/job-file/read-job-file.ts";
import { needs } from "../../../support/needs.ts";

const JOB = "input: { path: ./in }\nmodel: { path: m.onnx }\noutput: { path: out }\n";

function parse(stores: string) {
  return parseJobText(`${JOB}stores:\n${stores}`, { path: "/job/job.yaml", set: [], env: {} }).stores;
}

function problemsOf(stores: string): readonly string[] {
  try {
    parse(stores);
  } catch (error) {
    if (isShardmillError(error, "SPEC_INVALID"))
      return error.problems.map(({ what, expected = "", found = "", hint = "" }) =>
        [what, expected, found, hint].join(" | "),
      );
    throw error;
  }
  return [];
}

needs(
  "s3",
  "gcs",
  "azure",
)("stores are named by scheme and bucket or host, with certificate paths relative to the job file", () => {
  const stores = parse(
    [
      "  s3://: { endpoint: https://minio.test:9000, region: here, addressing: path, ca: ca.pem }",
      "  s3://public: { endpoint: aws, anonymous: true }",
      "  s3://paid: { requesterPays: true, profile: archive }",
      "  https://example.com:8443: { ca: /etc/ca.pem }",
    ].join("\n"),
  );
  expect(stores).toEqual({
    "s3://": { endpoint: "https://minio.test:9000", region: "here", addressing: "path", ca: "/job/ca.pem" },
    "s3://public": { endpoint: "aws", anonymous: true },
    "s3://paid": { requesterPays: true, profile: "archive" },
    "https://example.com:8443": { ca: "/etc/ca.pem" },
  });
});

test("all problems are reported at once, without any value that may be a secret", () => {
  const problems = problemsOf(
    [
      "  s3://bucket/folder: { anonymous: true }",
      "  s3://a: { endpoint: https://me:hunter2@x, anonymous: maybe }",
      "  s3://b: { endpoint: https://x/?sig=hunter2, anonymous: true, profile: p }",
      "  https://example.com: { endpoint: https://x }",
      "  https://me:hunter2@example.com: { ca: x }",
    ].join("\n"),
  );
  expect(problems.join("\n")).not.toContain("hunter2");
  for (const what of [
    /not an allowed name/,
    /has a name or a password in it.*environment/,
    /wrong type.*true or false/,
    /is not the address of a store/,
  ])
    expect(problems.filter((problem) => what.test(problem)).length, String(what)).toBeGreaterThan(0);
});

needs(
  "s3",
  "gcs",
  "azure",
)("keys that exclude each other, or do not belong to their store, are refused", () => {
  expect(problemsOf("  s3://b: { anonymous: true, profile: p }")).toEqual([
    expect.stringMatching(/exclude each other/),
  ]);
  expect(problemsOf("  https://example.com: { region: x }")).toEqual([
    expect.stringMatching(/is not a key of such a store \| `ca`/),
  ]);
});

needs("gcs", "azure").each(["gs://", "gs://bucket", "az://box"])(
  "%s accepts an endpoint, but neither the endpoint aws nor a region",
  (name) => {
    expect(problemsOf(`  ${name}: { anonymous: true, endpoint: https://example.com }`)).toEqual([]);
    expect(problemsOf(`  ${name}: { endpoint: aws }`)).toEqual([
      expect.stringMatching(/is the endpoint of another kind of store/),
    ]);
    expect(problemsOf(`  ${name}: { region: x }`)).toEqual([
      expect.stringMatching(/is not a key of such a store \| `endpoint`, `anonymous`, `ca`/),
    ]);
  },
);

needs("azure")("a store named by its account's address accepts no other endpoint", () => {
  const name = "abfss://box@mine.dfs.core.windows.net";
  expect(problemsOf(`  ${name}: { anonymous: true }`)).toEqual([]);
  expect(problemsOf(`  ${name}: { endpoint: https://example.com }`)).toEqual([
    expect.stringMatching(/is not a key of such a store \| `anonymous`, `ca`/),
  ]);
});

test("an account outside Azure is not the name of a store", () => {
  expect(problemsOf("  abfss://box@example.com: { anonymous: true }")).toEqual([
    expect.stringMatching(/not an allowed name/),
  ]);
});

test.each(["accessKeyId", "secret_access_key", "password", "sasToken", "accountKey", "token", "key"])(
  "a secret in a job file is refused and not shown: %s",
  (key) => {
    const [problem = "", ...others] = problemsOf(`  s3://b: { ${key}: hunter2 }`);
    expect(others).toEqual([]);
    expect(problem).toMatch(/is a secret, which a job file must not contain.*profile/);
    expect(problem).not.toContain("hunter2");
  },
);
