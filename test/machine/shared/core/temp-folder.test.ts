import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ownIdentity } from "../../../../shared/core/process-identity.ts";
import { makeTempFolder } from "../../../../shared/core/temp-folder.ts";

/** PID above all possible ones. */
const NOBODY = 2 ** 22 + 1;
const OWN = ownIdentity();
const TICKS = `-${OWN.startTicks ?? 0}-`;

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "shardmill-temp-"));
});
afterEach(() => rm(base, { recursive: true, force: true }));

/** Makes a folder as another process would, with a file. `change` edits the name of one of ours. */
async function leftBehind(change: (name: string) => string): Promise<string> {
  const own = basename(await makeTempFolder("plan", base));
  const name = change(own);
  expect(name).not.toBe(own);
  await mkdir(join(base, name));
  await writeFile(join(base, name, "file"), "x");
  await rm(join(base, own), { recursive: true });
  return name;
}

const ofPid = (name: string, pid: number): string => name.replace(`-${OWN.pid}${TICKS}`, `-${pid}${TICKS}`);

test("a folder of a killed process in this PID namespace is removed when the next folder is made", async () => {
  await leftBehind((name) => ofPid(name, NOBODY));
  const mine = await makeTempFolder("plan", base);
  expect(await readdir(base)).toEqual([basename(mine)]);
});

test.runIf(OWN.startTicks !== null)(
  "a folder whose PID belongs to another process now is removed when the next folder is made",
  async () => {
    await leftBehind((name) => name.replace(TICKS, "-1-"));
    const mine = await makeTempFolder("plan", base);
    expect(await readdir(base)).toEqual([basename(mine)]);
  },
);

test.each<[string, (name: string) => string]>([
  ["of a running process", (name) => ofPid(name, process.ppid).replace(TICKS, "-0-")],
  ["of this process", (name) => `${name}x`],
  ["of another PID namespace", (name) => ofPid(name, NOBODY).replace(`-${OWN.pidNamespace}-`, "-1-")],
  ["of another user", (name) => ofPid(name, NOBODY).replace(`-plan-${process.getuid?.()}-`, "-plan-4711-")],
  ["of another host", (name) => ofPid(name, NOBODY).replace(`-${OWN.host}-`, "-elsewhere-")],
  ["for another purpose", (name) => ofPid(name, NOBODY).replace("-plan-", "-worker-")],
])("a folder %s is kept", async (_whose, change) => {
  const other = await leftBehind(change);
  await makeTempFolder("plan", base);
  expect(await readdir(base)).toContain(other);
});

test("a folder is made even if an old one cannot be removed or the base cannot be listed", async () => {
  const dead = await leftBehind((name) => ofPid(name, NOBODY));
  // Root can still remove and list.
  await chmod(join(base, dead), 0o500);
  expect(await makeTempFolder("plan", base)).toContain(base);
  await chmod(base, 0o300);
  expect(await makeTempFolder("plan", base)).toContain(base);
  await chmod(base, 0o700);
});

test("a missing base folder fails with TEMP_FAILED and its path", async () => {
  const missing = join(base, "none");
  const refused = { code: "TEMP_FAILED", fields: { path: missing }, hint: expect.stringContaining("TMPDIR") };
  await expect(makeTempFolder("plan", missing)).rejects.toMatchObject(refused);
});
