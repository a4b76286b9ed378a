import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PORTS } from "../../coordinator/access/face-methods.ts";
import { TestCa } from "../support/certificates.ts";
import { startCli } from "../support/processes.ts";

/** More than Node's default backlog of 511, and fewer than a process may have open files. */
const CONNECTIONS = 800;
const SOMAXCONN = "/proc/sys/net/core/somaxconn";
const allowed = existsSync(SOMAXCONN) ? Number(readFileSync(SOMAXCONN, "utf8")) : 0;
/** Options, with the coordinator's names for them. Ports of extensions come first. */
const PLACES = [
  ...PORTS.map(({ option, title }) => [`--${option.name}`, title] as const),
  ["--http", "HTTP"],
  ["--listen", "coordinator"],
] as const;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-backlog-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Opens many connections. The kernel accepts them for a stopped process, up to the backlog. */
async function connectMany(port: number): Promise<Socket[]> {
  const opening = Array.from({ length: CONNECTIONS }, async () => {
    const socket = connect(port, "127.0.0.1");
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve).once("error", reject);
    });
    return socket;
  });
  return await Promise.all(opening);
}

// The system's own limit is the maximum.
test.skipIf(allowed < CONNECTIONS).each([
  ["without TLS", false],
  ["with TLS", true],
])("hundreds of connections %s can wait for a busy coordinator", async (_how, byTls) => {
  const own = byTls ? await (await TestCa.make(folder)).sign({ name: "server" }) : null;
  const tls = own === null ? [] : ["--tls-cert", own.cert, "--tls-key", own.key];
  const places = PLACES.flatMap(([option]) => [option, "127.0.0.1:0"]);
  const args = ["coordinator", ...places, ...tls];
  await using cli = startCli(args);
  const ports: number[] = [];
  for (const [, kind] of PLACES) {
    const [, port] = await cli.saw(new RegExp(`${kind} on \\S*?:(\\d+)`));
    ports.push(Number(port));
  }
  cli.kill("SIGSTOP");
  const waiting = await Promise.all(ports.map(connectMany));
  expect(waiting.map((sockets) => sockets.length)).toEqual(PLACES.map(() => CONNECTIONS));
  for (const socket of waiting.flat()) socket.destroy();
  cli.kill("SIGCONT");
  cli.kill("SIGTERM");
  await cli.ended;
});
