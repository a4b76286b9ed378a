import { mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AuditLog } from "../../../../coordinator/access/audit-log.ts";
import type { AuditEvent } from "../../../../shared/access/audit-event.ts";
import { silentLogger, troubleLogger } from "../../../../shared/core/log.ts";

const WHO = { name: "token 1a2b3c4d (gpu-nodes)", peer: "10.0.0.7:4000" };
const JOINED: AuditEvent = { event: "joined", worker: "w-1", host: "node7" };
const REFUSED: AuditEvent = { event: "refused", method: "/a/B", code: "TOKEN_REFUSED", why: "it expired" };

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-audit-"));
  path = join(folder, "audit.jsonl");
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function lines(from = path): Promise<Record<string, unknown>[]> {
  const text = await readFile(from, "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("an audit entry is one line of JSON with time, name, peer and event, in a file of mode 600", async () => {
  const audit = new AuditLog(path, silentLogger, () => 0);
  audit.record(WHO, JOINED);
  audit.record(WHO, { event: "cancelled", job: "j-1", reason: 'a\n"b"' });
  const head = { at: "1970-01-01T00:00:00.000Z", who: WHO.name, peer: WHO.peer };
  expect(await lines()).toEqual([
    { ...head, ...JOINED },
    { ...head, event: "cancelled", job: "j-1", reason: 'a\n"b"' },
  ]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("the audit log continues in a new file after the old file is renamed", async () => {
  const audit = new AuditLog(path, silentLogger);
  audit.record(WHO, JOINED);
  await rename(path, `${path}.1`);
  audit.record(WHO, JOINED);
  expect([await lines(`${path}.1`), await lines()]).toMatchObject([[JOINED], [JOINED]]);
});

test("the audit log records at most 60 refusals a minute and counts the others", async () => {
  let nowMs = 0;
  const audit = new AuditLog(path, silentLogger, () => nowMs);
  for (let call = 0; call < 1_000; call += 1) audit.record(WHO, REFUSED);
  expect(await lines()).toHaveLength(60);
  audit.record(WHO, JOINED);
  expect((await lines()).at(-1)).toMatchObject({ ...JOINED, refusalsOmitted: 940 });
  nowMs = 60_000;
  audit.record(WHO, REFUSED);
  expect((await lines()).at(-1)).toMatchObject(REFUSED);
});

test("the audit log truncates an overlong worker name", async () => {
  new AuditLog(path, silentLogger).record(WHO, { ...JOINED, worker: "w".repeat(1 << 20) } as AuditEvent);
  expect((await readFile(path, "utf8")).length).toBeLessThan(1_000);
});

test("an audit log that cannot be opened is refused, and a later write failure is logged with the lost entry", async () => {
  const nowhere = join(folder, "no", "audit");
  expect(() => new AuditLog(nowhere, silentLogger)).toThrow(
    expect.objectContaining({ code: "ARGUMENT_INVALID", fields: { path: nowhere } }),
  );
  const told: string[] = [];
  const audit = new AuditLog(
    path,
    troubleLogger((line) => told.push(line)),
  );
  await rm(folder, { recursive: true });
  audit.record(WHO, JOINED);
  expect(told.join()).toMatch(/cannot be written/);
  expect(told.join()).toContain("node7");
});
