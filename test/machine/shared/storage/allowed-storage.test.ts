import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { Storages } from "../../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { readRowFile } from "../../../../shared/storage/row-file.ts";
import { needs } from "../../../support/needs.ts";
import { startWebServer } from "../../../support/web-server.ts";

/** Storages that open only allowed files, by any path. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-allowed-"));
  for (const name of ["in", "out"]) await mkdir(join(folder, name));
  await writeFile(join(folder, "in", "a"), "allowed");
  await writeFile(join(folder, "out", "a"), "secret");
  await symlink(join(folder, "out", "a"), join(folder, "in", "file-link"));
  await symlink(join(folder, "out"), join(folder, "in", "folder-link"));
  await symlink(join(folder, "in"), join(folder, "in-link"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const here = (...names: readonly string[]) => parseLocation(join(folder, ...names));
const only = (...allowed: readonly string[]) => new Storages({}, { ...NO_STORES, allowed });
const refused = { code: "LOCATION_REFUSED" };

describe("allowed folders on a disk", () => {
  test.each([
    ["another folder", ["out", "a"]],
    ["a link to a file elsewhere", ["in", "file-link"]],
    ["a link to a folder elsewhere", ["in", "folder-link", "a"]],
  ])("each call on %s is refused", async (_what, names) => {
    await using storages = only(join(folder, "in"));
    const at = here(...names);
    const ask = async (call: (storage: Awaited<ReturnType<Storages["at"]>>) => Promise<unknown>) =>
      await call(await storages.at(at));
    await expect(ask((storage) => storage.kindAt(at, NEVER))).rejects.toMatchObject(refused);
    await expect(ask((storage) => storage.stat(at, NEVER))).rejects.toMatchObject(refused);
    await expect(ask((storage) => storage.real(at, NEVER))).rejects.toMatchObject(refused);
    await expect(ask((storage) => storage.read(at, 0, 1, { signal: NEVER }))).rejects.toMatchObject(refused);
    await expect(
      ask((storage) => storage.put(at, sourceOfBytes("x"), { signal: NEVER })),
    ).rejects.toMatchObject(refused);
    await expect(ask((storage) => storage.remove(at, NEVER))).rejects.toMatchObject(refused);
    await expect(ask((storage) => storage.copy(here("in", "a"), at, NEVER))).rejects.toMatchObject(refused);
    await expect(ask((storage) => storage.rename(at, here("in", "b")))).rejects.toMatchObject(refused);
    await expect(
      ask(async (storage) => await storage.list(at, { signal: NEVER })[Symbol.asyncIterator]().next()),
    ).rejects.toMatchObject(refused);
    expect(await readFile(join(folder, "out", "a"), "utf8")).toBe("secret");
  });

  test("a new file below a link that leads outside is refused, even if its folder is missing", async () => {
    await using storages = only(join(folder, "in"));
    const storage = await storages.at(here("in"));
    const out = here("in", "folder-link", "new", "file");
    await expect(storage.put(out, sourceOfBytes("x"), { signal: NEVER })).rejects.toMatchObject(refused);
    const inside = here("in", "new", "file");
    await storage.put(inside, sourceOfBytes("x"), { signal: NEVER });
    expect((await storage.stat(inside, NEVER)).bytes).toBe(1);
  });

  test("an allowed link means its target, which must also be allowed", async () => {
    await using storages = only(join(folder, "in"), join(folder, "in-link"));
    const at = here("in-link", "a");
    expect((await (await storages.at(at)).stat(at, NEVER)).bytes).toBe(7);
    await using linkOnly = only(join(folder, "in-link"));
    await expect((await linkOnly.at(at)).stat(at, NEVER)).rejects.toMatchObject(refused);
  });
});

describe("allowed addresses on the web", () => {
  test("a redirect to an address that is not allowed is not followed", async () => {
    await using other = await startWebServer({ "/secret": Buffer.from("secret") });
    await using server = await startWebServer({ "/files/a": Buffer.from("allowed") });
    const seen: string[] = [];
    server.served.set("/files/away", (_request, response) => {
      response.writeHead(302, { location: `${other.url}/secret` }).end();
    });
    server.served.set("/files/up", (_request, response) => {
      response.writeHead(302, { location: "/secret" }).end();
    });
    server.served.set("/secret", (request, response) => {
      seen.push(request.url ?? "");
      response.end("secret");
    });
    await using storages = only(`${server.url}/files`);
    const read = async (path: string) => {
      const at = parseLocation(`${server.url}${path}`);
      return await (await storages.at(at)).read(at, 0, 6, { signal: NEVER });
    };
    expect(Buffer.from(await read("/files/a")).toString()).toBe("allowe");
    await expect(read("/files/away")).rejects.toMatchObject(refused);
    await expect(read("/files/up")).rejects.toMatchObject(refused);
    await expect(read("/secret")).rejects.toMatchObject(refused);
    expect([other.requests, seen]).toEqual([[], []]);
  });
});

needs("s3")("an allowed bucket is the operator's, not one on an endpoint that the job names", async () => {
  const settings = { "s3://corpus": { endpoint: "http://127.0.0.1:1" } };
  const stores = { ...NO_STORES, settings, allowed: ["s3://corpus"] };
  await using storages = new Storages({}, stores);
  const at = parseLocation("s3://corpus/a");
  const requested = storages.at(at).then((storage) => storage.stat(at, NEVER));
  await expect(requested).rejects.toMatchObject({ ...refused, fields: { path: "http://127.0.0.1:1" } });
});

test("a row that names a file outside the allowed folders fails the attempt of a narrowed worker", async () => {
  await using storages = new Storages({}, { ...NO_STORES, allowed: [join(folder, "in")], isNarrowed: true });
  const options = { folder: here("in"), maxBytes: 1_000, signal: new AbortController().signal };
  expect(await readRowFile(storages, "a", options)).toMatchObject({ kind: "bytes" });
  await expect(readRowFile(storages, join(folder, "out", "a"), options)).rejects.toMatchObject(refused);
  await expect(readRowFile(storages, "../out/a", options)).rejects.toMatchObject(refused);
});

test("checksums are read and tested only for allowed files", async () => {
  const checksums = { of: vi.fn(async () => null), areEarned: vi.fn(async () => true) };
  const opened = Object.assign(new MemoryStorage(), { checksums });
  await using storages = new Storages({ s3: async () => opened }, { ...NO_STORES, allowed: ["s3://own"] });
  const storage = await storages.at(parseLocation("s3://own/a"));
  const [own, other] = [parseLocation("s3://own/b"), parseLocation("s3://other/b")];
  expect(await storage.checksums?.areEarned(own, NEVER)).toBe(true);
  await expect(storage.checksums?.areEarned(other, NEVER)).rejects.toMatchObject(refused);
  await expect(storage.checksums?.of(other, NEVER)).rejects.toMatchObject(refused);
  expect([checksums.of.mock.calls.length, checksums.areEarned.mock.calls.length]).toEqual([0, 1]);
});
