import { expect, test } from "vitest";
import { withoutSecrets } from "../../../../shared/core/without-secrets.ts";

test.each([
  ["https://me:hunter2@example.com/a?X-Amz-Signature=1", "https://...@example.com/a?..."],
  ['"https://example.com/a?sig=1" and http://x?y', '"https://example.com/a?..." and http://x?...'],
  ["is at https://me@h/a: 404 (s3://bucket/a?b)", "is at https://...@h/a: 404 (s3://bucket/a?..."],
  ["abfss://container@account.dfs/x, http://token@h", "abfss://container@account.dfs/x, http://...@h"],
  ["/data/what?.parquet, a@b, s3://bucket/a@b.csv", "/data/what?.parquet, a@b, s3://bucket/a@b.csv"],
])("%s", (text, shown) => {
  expect(withoutSecrets(text)).toBe(shown);
});
