import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { serveHttp } from "../../coordinator/http/http-server.ts";
import type { JobHandle } from "../../coordinator/job/job-handle.ts";
import { eventStream } from "../../extensions/web/events.ts";
import { pageRoutes } from "../../extensions/web/page-routes.ts";
import { LogTail, silentLogger } from "../../shared/core/log.ts";
import type { HttpServer } from "../../shared/serving/http-server.ts";
import { LOCAL } from "../../shared/serving/listening.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { until } from "../support/job-processes.ts";
import * as any from "../support/wire-arbitraries.ts";
import { sample } from "../support/wire-rig.ts";

/** Pages that watch, by sockets: many, closed, and stopped ones. */

const MOST = 64;

let server: HttpServer;
let jobs: JobHandle[];
let sockets: Socket[];

beforeEach(async () => {
  jobs = [];
  sockets = [];
  const nothing = async () => sample(any.jobStatus);
  const service = { cancelJob: nothing, pauseJob: nothing, resumeJob: nothing, setJobPriority: nothing };
  const routes = pageRoutes({
    jobs: () => jobs,
    workers: () => [],
    served: () => [],
    service,
    logs: new LogTail(),
  });
  const options = { guard: TEST_GUARD, listening: LOCAL, report: () => {}, log: silentLogger };
  server = await serveHttp({ ...options, listen: "127.0.0.1:0", routes });
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.close(0);
});

/** Opens a page that watches, and returns the first line of the answer. */
async function watch(): Promise<{ socket: Socket; status: string }> {
  const socket = ask();
  const status = await new Promise<string>((resolve, reject) => {
    socket.once("data", (bytes) => resolve(bytes.toString("latin1").split("\r\n")[0] ?? ""));
    socket.once("error", reject);
  });
  return { socket, status };
}

function ask(): Socket {
  const { port } = new URL(server.url);
  const socket = connect(Number(port), "127.0.0.1");
  sockets.push(socket);
  const authorization = `Bearer ${TEST_CREDENTIAL.secret}`;
  socket.write(`GET /api/events HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`);
  return socket;
}

/** Returns how many pages may start to watch until the next is refused. All of them stop again. */
async function room(): Promise<number> {
  const taken: Socket[] = [];
  try {
    for (;;) {
      const { socket, status } = await watch();
      if (!status.includes(" 200 ")) {
        expect(status).toContain(" 429 ");
        return taken.length;
      }
      taken.push(socket);
    }
  } finally {
    for (const socket of taken) socket.destroy();
  }
}

/** Waits until the closed pages are noticed. */
const allRoom = () => until("room for all pages", async () => ((await room()) >= MOST ? true : null));

test("exactly 64 pages can watch at once, after any number of closed pages", async () => {
  for (let round = 0; round < 4; round += 1) {
    const gone = Array.from({ length: 40 }, ask);
    // Closed while requesting, while being answered, and while receiving.
    for (const [index, socket] of gone.entries()) setTimeout(() => socket.destroy(), (index % 8) * 3);
    const told = await Promise.all(Array.from({ length: 20 }, watch));
    for (const { socket } of told) socket.destroy();
  }
  await allRoom();
  expect(
    await until("the counted pages are closed", async () => {
      const now = await room();
      return now >= MOST ? now : null;
    }),
  ).toBe(MOST);
}, 300_000);

test("a page that stops reading causes no backlog, and gets the current state when it reads again", async () => {
  let looks = 0;
  const name = "x".repeat(8 << 20);
  const status = sample(any.jobStatus);
  const handle = {
    jobId: "large",
    status: () => {
      looks += 1;
      return { ...status, jobId: "large", name, attempts: looks };
    },
  };
  jobs = [handle as Partial<JobHandle> as JobHandle];
  const { socket } = await watch();
  socket.pause();
  // Waits until the system's buffers are full. Then the server stops looking for changes that it cannot send.
  let seen = -1;
  await until("the server stops looking for changes", async () => {
    const before = looks;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    seen = looks;
    return looks > 0 && looks === before ? true : null;
  });
  const attempts: number[] = [];
  let tail = "";
  socket.on("data", (bytes) => {
    tail += bytes.toString("latin1");
    for (const [, count] of tail.matchAll(/"attempts":(\d+)/g)) attempts.push(Number(count));
    tail = tail.slice(-24);
  });
  socket.resume();
  await until("the current state", async () => ((attempts.at(-1) ?? 0) > seen + 1 ? true : null));
}, 300_000);

function callerOf(name: string, port: number) {
  return { identity: { name, token: null }, peer: `127.0.0.1:${port}`, confirm: () => {} };
}

test("one identity can watch with 32 of the 64 pages, and a closed page frees its place", async () => {
  const watched = { jobs: () => [], workers: () => [], served: () => [] };
  const over = new AbortController();
  const open = (name: string, port: number) =>
    eventStream(watched, null, callerOf(name, port), over).then(({ body }) => body);
  await allRoom();
  // The pages that were counted above may not be noticed as closed yet.
  const openHalf = async (name: string) => {
    const bodies = [];
    for (let port = 0; port < MOST / 2; port += 1)
      bodies.push(await until("a free place", () => open(name, port).catch(() => null)));
    return bodies;
  };
  const bodies = await openHalf("token 1 (a)");
  await expect(open("token 1 (a)", 99)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  const others = await openHalf("token 2 (b)");
  await bodies[0]?.cancel();
  const again = await open("token 1 (a)", 99);
  for (const body of [again, ...bodies.slice(1), ...others]) await body?.cancel();
});

describe("a page that reads nothing for a long time", () => {
  test("is disconnected, and its place is free", async () => {
    const watched = { jobs: () => jobs, workers: () => [], served: () => [] };
    const signal = new AbortController().signal;
    const sleepers = [];
    for (let at = 0; at < MOST; at += 1) {
      // Pages of the previous test may not be noticed as closed yet.
      const { body } = await until("a free place", () =>
        eventStream(watched, null, callerOf("secret", at), { signal, stalledMs: 50 }).catch(() => null),
      );
      const reader = body?.getReader();
      await reader?.read();
      sleepers.push(reader);
    }
    await allRoom();
    for (const reader of sleepers) await expect(reader?.read()).rejects.toThrow("does not read");
  }, 120_000);
});
