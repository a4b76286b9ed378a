import { createHash } from "node:crypto";
import { appendFile, chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { foldTokens, grantOf, makeToken } from "../../../../coordinator/access/tokens.ts";
import { addTokenLine, readTokens, TokensFile } from "../../../../coordinator/access/tokens-file.ts";
import { failureOf } from "../../../support/wire-rig.ts";

const NAMED = { name: "a", role: "work", expiresAt: null } as const;
const AT = "2026-11-28T12:00:00.000Z";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-tokens-"));
  path = join(folder, "config", "tokens");
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("the tokens file", () => {
  test("the file has the hash of a token but not the token itself, and its mode is 600", async () => {
    const { text, line } = makeToken(NAMED, AT);
    const umask = process.umask(0);
    await addTokenLine(path, line).finally(() => process.umask(umask));
    const kept = await readFile(path, "utf8");
    expect(kept).not.toContain(text.slice(13));
    expect(kept).toContain(createHash("sha256").update(text).digest("hex"));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect([...readTokens(path).values()]).toEqual([
      { ...NAMED, kind: "created", id: line.id, sha256: line.sha256, createdAt: AT, revokedAt: null },
    ]);
  });

  test("a certificate name is read back, and an entry with an invalid name fails with TOKEN_INVALID", async () => {
    const line = grantOf("DNS:*.example.com", NAMED, AT);
    await addTokenLine(path, line);
    expect([...readTokens(path).values()]).toEqual([{ ...line, revokedAt: null }]);
    const wrong = JSON.stringify({ ...line, certificate: "*.example.com" });
    expect(() => foldTokens(wrong, path)).toThrow(expect.objectContaining({ code: "TOKEN_INVALID" }));
  });

  test("no token is lost when many are added concurrently", async () => {
    const made = Array.from({ length: 50 }, () => makeToken(NAMED, AT));
    await Promise.all(made.map(({ line }) => addTokenLine(path, line)));
    expect([...readTokens(path).keys()].sort()).toEqual(made.map(({ line }) => line.id).sort());
  });

  test("a file with an incomplete line is refused, and the error has the number of that line", async () => {
    await addTokenLine(path, makeToken(NAMED, AT).line);
    await appendFile(path, '{"kind":"revoked","id":"1a2');
    const broken = { code: "TOKEN_INVALID", fields: { path, line: 2 } };
    expect(() => readTokens(path)).toThrow(expect.objectContaining(broken));
    expect(await failureOf(addTokenLine(path, makeToken(NAMED, AT).line))).toMatchObject(broken);
    expect(() => new TokensFile(path, () => 0).tokens).toThrow(expect.objectContaining(broken));
  });

  test("a file that other users can write to is refused", async () => {
    await addTokenLine(path, makeToken(NAMED, AT).line);
    await chmod(path, 0o620);
    const refused = { code: "TOKEN_INVALID", hint: `chmod 600 ${path}` };
    expect(await failureOf(addTokenLine(path, makeToken(NAMED, AT).line))).toMatchObject(refused);
    expect(() => new TokensFile(path, () => 0).tokens).toThrow(expect.objectContaining(refused));
  });

  test("changes to the file are detected after one second", async () => {
    let nowMs = 0;
    const file = new TokensFile(path, () => nowMs);
    expect(file.tokens.size).toBe(0);
    const { line } = makeToken(NAMED, AT);
    await addTokenLine(path, line);
    nowMs = 999;
    expect(file.tokens.size).toBe(0);
    nowMs = 1_000;
    expect(file.tokens.get(line.id)?.revokedAt).toBeNull();
    await addTokenLine(path, { kind: "revoked", id: line.id, revokedAt: AT });
    nowMs = 2_000;
    expect(file.tokens.get(line.id)?.revokedAt).toBe(AT);
    const whole = await readFile(path, "utf8");
    await writeFile(path, "nonsense");
    nowMs = 3_000;
    expect(() => file.tokens).toThrow(/line 1/);
    await writeFile(path, whole);
    nowMs = 4_000;
    expect(file.tokens.size).toBe(1);
    await rm(path);
    nowMs = 5_000;
    expect(file.tokens.size).toBe(0);
  });

  test.each([
    "[]",
    "null",
    '"smt_"',
    '{"kind":"created"}',
    '{"kind":"revoked","id":"1","revokedAt":"soon"}',
    '{"kind":"created","id":"1","name":"a","role":"root","sha256":"","createdAt":"2026-11-28","expiresAt":null}',
  ])("the line %s is not a valid entry", (text) => {
    expect(() => foldTokens(text, "/t")).toThrow(/tokens file, line 1: not a valid entry/);
  });
});
