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
)("stores are named by scheme and bucket or host; a certificate's file is beside the job file", () => {
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

test("all that is wrong is told at once, and what may be a secret is not shown", () => {
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
)("keys that do not go together, or with their store", () => {
  expect(problemsOf("  s3://b: { anonymous: true, profile: p }")).toEqual([
    expect.stringMatching(/exclude each other/),
  ]);
  expect(problemsOf("  https://example.com: { region: x }")).toEqual([
    expect.stringMatching(/is not a key of such a store \| `ca`/),
  ]);
});

needs("gcs", "azure").each(["gs://", "gs://bucket", "az://box"])(
  "%s has an endpoint, which is not AWS",
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

needs("azure")("an account's own address is in its name, and nowhere else", () => {
  const name = "abfss://box@mine.dfs.core.windows.net";
  expect(problemsOf(`  ${name}: { anonymous: true }`)).toEqual([]);
  expect(problemsOf(`  ${name}: { endpoint: https://example.com }`)).toEqual([
    expect.stringMatching(/is not a key of such a store \| `anonymous`, `ca`/),
  ]);
});

test("an account that is none of Azure's names no store", () => {
  expect(problemsOf("  abfss://box@example.com: { anonymous: true }")).toEqual([
    expect.stringMatching(/not an allowed name/),
  ]);
});

test.each(["accessKeyId", "secret_access_key", "password", "sasToken", "accountKey", "token", "key"])(
  "a secret has no place there: %s",
  (key) => {
    const [problem = "", ...others] = problemsOf(`  s3://b: { ${key}: hunter2 }`);
    expect(others).toEqual([]);
    expect(problem).toMatch(/is a secret, which a job file must not contain.*profile/);
    expect(problem).not.toContain("hunter2");
  },
);
