import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeToken } from "../../coordinator/access/tokens.ts";
import { addTokenLine } from "../../coordinator/access/tokens-file.ts";
import { serveHttp } from "../../coordinator/http/http-server.ts";
import { packMap } from "../../coordinator/insight/shard-map.ts";
import type { JobHandle } from "../../coordinator/job/job-handle.ts";
import { endedView, NO_VIEW } from "../../coordinator/job/job-view.ts";
import { pageRoutes } from "../../extensions/web/page-routes.ts";
import type { Role } from "../../shared/access/roles.ts";
import { LogTail, silentLogger } from "../../shared/core/log.ts";
import type { JobView } from "../../shared/domain/job-view.ts";
import type { HttpServer } from "../../shared/serving/http-server.ts";
import { LOCAL } from "../../shared/serving/listening.ts";
import { TEST_GUARD } from "../support/access.ts";
import { aBusyRun } from "../support/run-history.ts";
import * as any from "../support/wire-arbitraries.ts";
import { sample } from "../support/wire-rig.ts";

/** Changes that the page permits, and to whom. The page itself is tested in a browser: `npm run page`. */

const CHANGES = ["cancel", "pause", "resume", "priority"];

let folder: string;
let server: HttpServer;
let logs: LogTail;
let jobs: JobHandle[];
const service = {
  cancelJob: vi.fn(async () => sample(any.jobStatus)),
  pauseJob: vi.fn(async () => sample(any.jobStatus)),
  resumeJob: vi.fn(async () => sample(any.jobStatus)),
  setJobPriority: vi.fn(async () => sample(any.jobStatus)),
};

beforeEach(async () => {
  vi.clearAllMocks();
  folder = await mkdtemp(join(tmpdir(), "shardmill-page-"));
  logs = new LogTail();
  const guard = { ...TEST_GUARD, tokensPath: join(folder, "tokens"), auditPath: join(folder, "audit") };
  jobs = [];
  const routes = pageRoutes({ jobs: () => jobs, workers: () => [], served: () => [], service, logs });
  const options = { guard, listening: LOCAL, report: () => {}, log: silentLogger };
  server = await serveHttp({ ...options, listen: "127.0.0.1:0", routes });
});

afterEach(async () => {
  await server.close(0);
  await rm(folder, { recursive: true });
});

async function tokenFor(role: Role): Promise<string> {
  const { text, line } = makeToken({ name: role, role, expiresAt: null }, new Date().toISOString());
  await addTokenLine(join(folder, "tokens"), line);
  return text;
}

async function change(name: string, token: string, body?: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const init = { method: "POST", headers, ...(body === undefined ? {} : { body }) };
  return (await fetch(`${server.url}/api/jobs/a%20job/${name}`, init)).status;
}

test("a caller with the role submit can change a job, and the audit log names the caller", async () => {
  const token = await tokenFor("submit");
  for (const name of CHANGES) expect(await change(name, token, '{"priority":-7}')).toBe(200);
  expect(service.pauseJob).toHaveBeenCalledWith("a job", expect.anything());
  expect(service.resumeJob).toHaveBeenCalledWith("a job", expect.anything());
  expect(service.setJobPriority).toHaveBeenCalledWith("a job", -7, expect.anything());
  expect(service.cancelJob).toHaveBeenCalledWith(
    "a job",
    expect.stringContaining("(submit)"),
    expect.anything(),
  );
  const lines = (await readFile(join(folder, "audit"), "utf8")).trim().split("\n");
  expect(lines.map((line) => JSON.parse(line)).map(({ event, job, who }) => [event, job, who])).toEqual(
    ["cancelled", "paused", "resumed", "prioritised"].map((event) => [
      event,
      "a job",
      expect.stringMatching(/^token [0-9a-f]{8} \(submit\)$/),
    ]),
  );
});

test("a caller with the role read or work cannot change a job", async () => {
  const tokens = await Promise.all((["read", "work"] as const).map(tokenFor));
  for (const token of tokens) for (const name of CHANGES) expect(await change(name, token)).toBe(403);
  for (const call of Object.values(service)) expect(call).not.toHaveBeenCalled();
});

test("a priority that is not a number is passed to the service as NaN", async () => {
  const token = await tokenFor("submit");
  for (const body of ["", "{", "null", "[]", '{"priority":"7"}', "7"]) await change("priority", token, body);
  expect((service.setJobPriority.mock.calls as unknown[][]).map(([, priority]) => priority)).toEqual(
    Array.from({ length: 6 }, () => Number.NaN),
  );
});

test("a request body that is too large is refused with status 413", async () => {
  const token = await tokenFor("submit");
  expect(await change("priority", token, `{"priority":${" ".repeat(70_000)}1}`)).toBe(413);
  expect(service.setJobPriority).not.toHaveBeenCalled();
});

test("logs are the last lines that the caller has not seen, each truncated", async () => {
  const headers = { authorization: `Bearer ${await tokenFor("read")}` };
  const since = async (after: string) =>
    (await (await fetch(`${server.url}/api/logs${after}`, { headers })).json()) as ReturnType<
      LogTail["since"]
    >;
  for (let line = 0; line < 1_500; line += 1) logs.write(`line ${line}\n`);
  const all = await since("");
  expect([all.count, all.lines.length, all.lines[0], all.lines.at(-1)]).toEqual([
    1_500,
    1_000,
    "line 500",
    "line 1499",
  ]);
  logs.write("x".repeat(1_000_000));
  const { lines, count } = await since("?after=1500");
  expect([count, lines.map((line) => line.length)]).toEqual([1_501, [4_000]]);
  expect((await since("?after=1501")).lines).toEqual([]);
  // Numbers of another coordinator, or of none.
  for (const after of ["?after=9999", "?after=-1", "?after=x"])
    expect((await since(after)).lines).toHaveLength(1_000);
});

function aJob(jobId: string, view: JobView): JobHandle {
  const status = { ...sample(any.jobStatus), jobId };
  return { jobId, status: () => status, view: () => view } as Partial<JobHandle> as JobHandle;
}

test("an ended job has a history and a separate shard map, and a job without a view has neither", async () => {
  const cells = Uint8Array.of(3, 3, 12, 4);
  const history = { ...aBusyRun(), map: packMap(cells) };
  jobs = [aJob("known", endedView({ name: "known" }, history)), aJob("unknown", NO_VIEW)];
  const headers = { authorization: `Bearer ${await tokenFor("read")}` };
  const get = (path: string) => fetch(`${server.url}/api/jobs/${path}`, { headers });
  const { map: _, ...shown } = history;
  expect(await (await get("known")).json()).toMatchObject({ spec: { name: "known" }, history: shown });
  expect(await (await get("known")).text()).not.toContain(history.map.cells);
  const shards = await get("known/shards");
  expect(shards.headers.get("x-shards-per-cell")).toBe("1");
  expect(new Uint8Array(await shards.arrayBuffer())).toEqual(cells);
  expect(await (await get("unknown")).json()).toMatchObject({ spec: null, history: null });
  expect((await (await get("unknown/shards")).arrayBuffer()).byteLength).toBe(0);
});
