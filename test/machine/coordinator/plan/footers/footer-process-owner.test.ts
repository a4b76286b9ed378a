import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FooterProcess } from "../../../../../coordinator/plan/footers/footer-process-owner.ts";
import { footerProcess } from "../../../../../coordinator/plan/footers/footer-processes.ts";
import type { FoundFile } from "../../../../../coordinator/plan/input/discover.ts";
import { compiledUrl } from "../../../../../shared/core/package-root.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { processTally } from "../../../../../shared/http/store-tally.ts";
import { startWebServer } from "../../../../support/web-server.ts";

let root: string;
const { signal } = new AbortController();
const file: FoundFile = {
  path: parseLocation("/data/a.parquet"),
  format: "parquet",
  bytes: 10,
  version: "1",
};
const memoryLimitBytes = 400 << 20;
const limits = { limitMs: 20_000, memoryLimitBytes, signal };

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-footers-"));
});

afterAll(() => rm(root, { recursive: true, force: true }));

/** Returns a process that runs this code for each request. */
async function reader(name: string, body: string): Promise<FooterProcess> {
  const path = join(root, `${name}.mjs`);
  await writeFile(
    path,
    `process.on("message", ({ id, argument: request }) => { const reply = (value) => process.send({ kind: "done", id, value }); ${body} });\n`,
  );
  return new FooterProcess(footerProcess(memoryLimitBytes, pathToFileURL(path)), memoryLimitBytes);
}

describe("a footer process", () => {
  it("answers one request after another", async () => {
    await using answering = await reader("answers", "reply(request.files);");
    for (let index = 0; index < 3; index += 1) {
      expect(await answering.read([file], limits)).toEqual({ kind: "answered", answer: [file] });
    }
    expect(answering.isUsable).toBe(true);
  });

  it.each([
    ["never ends", "for (;;);", "more than 0.5 seconds"],
    ["makes it throw", 'throw new Error("unreachable");', "exited"],
    ["makes it exit", "process.exit(7);", "exit code 7"],
    ["makes it abort", "process.abort();", "SIGABRT"],
    [
      "takes too much memory",
      "const kept = []; setInterval(() => kept.push(Buffer.alloc(50 << 20, 1)), 5);",
      "of memory",
    ],
  ])("reports why it failed when a file %s, and is not used again", async (name, body, found) => {
    await using broken = await reader(name.replaceAll(" ", "-"), body);
    const reply = await broken.read([file], { ...limits, limitMs: name === "never ends" ? 500 : 20_000 });
    expect(reply).toEqual({ kind: "broke", found: expect.stringContaining(found) });
    expect(broken.isUsable).toBe(false);
  });

  it("limits the memory of its decoders", async () => {
    const { href } = compiledUrl("shared/dataset/parquet-memory.ts");
    const grow =
      "limitDecoderMemory(); const memory = new WebAssembly.Memory({ initial: 1 }); let pages = 1; try { for (;;) { memory.grow(160); pages += 160; } } catch { reply({ pages }); }";
    const limited = `import("${href}").then(({ limitDecoderMemory }) => { ${grow} });`;
    await using bounded = await reader("grows", limited);
    const reply: unknown = await bounded.read([file], limits);
    const { pages } = (reply as { answer: { pages: number } }).answer;
    expect(pages * 65_536).toBeGreaterThan(200 << 20);
    expect(pages * 65_536).toBeLessThan(memoryLimitBytes);
  });

  it("rejects with the reason of an abort while it reads an endless file", async () => {
    await using hanging = await reader("hangs", "for (;;);");
    const controller = new AbortController();
    const reason = new Error("enough");
    const reading = hanging.read([file], { ...limits, signal: controller.signal });
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect(hanging.isUsable).toBe(false);
  });
});

describe("a footer process that is killed", () => {
  it("has reported its requests to stores", async () => {
    await using server = await startWebServer({ "/a.parquet": () => {} });
    const path = parseLocation(`${server.url}/a.parquet`);
    await using silent = new FooterProcess(footerProcess(memoryLimitBytes), memoryLimitBytes);
    const reply = await silent.read([{ ...file, path, bytes: 100_000 }], { ...limits, limitMs: 15_000 });
    expect(reply).toEqual({ kind: "broke", found: expect.stringContaining("seconds") });
    expect(server.requests.length).toBeGreaterThan(0);
    const { host } = new URL(server.url);
    const counted = processTally.read().find(({ store }) => store === `http://${host}`);
    expect(counted?.requests).toBe(server.requests.length);
  });
});
