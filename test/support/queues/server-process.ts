import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { NEVER, sleep } from "../../../shared/core/abort.ts";

interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Limit of a start. Servers in Java and Erlang take about ten seconds on an idle machine. */
const WAIT_MS = 240_000;
/** Limit of the output that is shown when a server did not start. */
const MOST_SAID = 4_000;

/** A server that can be killed and restarted in the same place. */
export class ServerProcess implements AsyncDisposable {
  readonly #command: ServerCommand;
  #process: ChildProcess | null = null;
  #said = "";

  constructor(command: ServerCommand) {
    this.#command = command;
  }

  /** Starts the server and waits until its port is open. */
  async start(): Promise<void> {
    const { command, args, port, cwd, env } = this.#command;
    const started = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      // Its own process group, so that all of its processes can be killed with it.
      detached: true,
      env: { PATH: process.env.PATH, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.#process = started;
    const listen = (chunk: Buffer) => {
      this.#said = `${this.#said}${chunk.toString()}`.slice(-MOST_SAID);
    };
    started.stdout.on("data", listen);
    started.stderr.on("data", listen);
    started.on("error", (error) => listen(Buffer.from(error.message)));
    for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += 200) {
      if (await isListening(port)) return;
      if (started.exitCode !== null || started.pid === undefined) break;
      await sleep(200, NEVER);
    }
    await this.kill();
    throw new Error(`${command} does not listen on ${port}: ${this.#said}`);
  }

  /** Kills all of its processes. */
  async kill(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#process ?? {};
    if (this.#process === null || pid === undefined || exitCode !== null || signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process?.once("exit", resolve));
    process.kill(-pid, "SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
