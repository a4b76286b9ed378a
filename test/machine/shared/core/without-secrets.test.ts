import fc from "fast-check";
import { expect, test } from "vitest";
import { withoutSecrets } from "../../../../shared/core/without-secrets.ts";
import { needs } from "../../../support/needs.ts";

test.each([
  ["https://me:hunter2@example.com/a?X-Amz-Signature=1", "https://...@example.com/a?..."],
  ['"https://example.com/a?sig=1" and http://x?y', '"https://example.com/a?...'],
  ["is at https://me@h/a: 404 (s3://bucket/a?b)", "is at https://...@h/a: 404 (s3://bucket/a?..."],
  ["/data/what?.parquet, a@b, s3://bucket/a@b.csv", "/data/what?.parquet, a@b, s3://bucket/a@b.csv"],
  ["https://u:p/ss@h/x", "https://...@h/x"],
  ["https://u:p#ss@h and more", "https://?..."],
  ["https://u:p?ss@h", "https://?..."],
  ["https://h/x#access_token=1", "https://h/x#..."],
  ["https:/u:p@h/x?sig=S", "https:/...@h/x?..."],
  ["https:///x?sig=S", "https:///x?..."],
  ["https://exa mple/x?sig=S", "https://exa mple/x?..."],
  ["u:secret@minio:9000 is no address", "...@minio:9000 is no address"],
  ["https://h/x?a=b c&sig=S", "https://h/x?..."],
])("%s is shown as %s", (text, shown) => {
  expect(withoutSecrets(text)).toBe(shown);
});

needs("azure")("the account in an Azure address is not hidden", () => {
  const text = "abfss://container@account.dfs/x, http://token@h";
  expect(withoutSecrets(text)).toBe("abfss://container@account.dfs/x, http://...@h");
});

const part = fc.string({ unit: fc.constantFrom(..."aZ09-._~%/:?#&=+'\"\\@"), maxLength: 6 });
const secret = fc.tuple(part, part).map(([a, b]) => `${a}SECRET${b}`);
const scheme = fc.constantFrom(
  "https://",
  "HTTP://",
  "https:/",
  "https:",
  "http:\\\\",
  "s3://",
  "ftp://",
  "az://",
  "",
);
const host = fc.constantFrom("h", "minio:9000", "exa mple.com", "[::1]", "");
const blank = fc.constantFrom("", " ", "\n", " b c");

test.each<[string, fc.Arbitrary<string>]>([
  [
    "a name and a password",
    fc
      .tuple(scheme, part, secret, host, part)
      .map(([s, user, word, h, path]) => `${s}u${user}:${word}@${h}/${path}`),
  ],
  [
    "a query or a fragment",
    fc
      .tuple(
        scheme.filter((s) => s !== ""),
        host,
        part,
        fc.constantFrom("?", "#"),
        blank,
        secret,
      )
      .map(([s, h, path, mark, space, word]) => `${s}${h}/${path}${mark}a=${space}&sig=${word}`),
  ],
])("%s is never shown, even in a malformed address", (_what, address) => {
  fc.assert(
    fc.property(part, address, (before, text) => {
      expect(withoutSecrets(`${before} ${text}`)).not.toContain("SECRET");
    }),
    { numRuns: 2_000 },
  );
});

test.each(["x", ":", "a:", "ab:/", "http:", "u:x@", "@"])(
  "a megabyte of %s is processed without quadratic time",
  (part) => {
    const startedMs = performance.now();
    withoutSecrets(`foo:// ${part.repeat(1_000_000 / part.length)}`);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  },
);
