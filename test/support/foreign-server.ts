import { type ChildProcess, spawn } from "node:child_process";
import { type AddressInfo, connect, createServer } from "node:net";
import { NEVER, sleep } from "../../shared/core/abort.ts";

/** A third-party server, which `npm run stores` fetches. */
export interface ForeignServer extends AsyncDisposable {
  readonly port: number;
}

/** Limit of the start: Azurite loads hundreds of modules, and the machine may be busy. */
const WAIT_MS = 60_000;

/**
 * @param args returns the arguments for a port
 * @param env complete environment
 */
export async function startForeignServer(
  program: string,
  args: (port: number) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ForeignServer> {
  const [port = 0] = await freePorts(1);
  const server = spawn(program, args(port), {
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: process.env.PATH, ...env },
  });
  const end = async () => {
    if (server.exitCode !== null || server.pid === undefined) return;
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGKILL");
    await ended;
  };
  try {
    await untilListening(port, server);
  } catch (error) {
    await end();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: end };
}

/** Returns free ports. All are open at once, so that they differ. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ports.push((server.address() as AddressInfo).port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

async function untilListening(port: number, server: ChildProcess): Promise<void> {
  let failure: Error | null = null;
  server.once("error", (error) => {
    failure = error;
  });
  for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += 100) {
    if (failure !== null) throw new Error("no such server: `npm run stores` fetches it", { cause: failure });
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const isListening = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (isListening) return;
    await sleep(100, NEVER);
  }
  throw new Error("the server does not listen");
}
