import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";

/** Line of the server's log: see llm-server.mjs. */
export interface ServedLine {
  readonly key: string;
  readonly prompt: string;
  readonly kind: "request" | "answer";
  /** Header `x-who` of a request. */
  readonly who?: string;
}

/** Starts the server of llm-server.mjs in a process of its own. @param settings its environment */
export async function startLlmServer(settings: Readonly<Record<string, string>>): Promise<LlmServer> {
  const script = join(packageRoot, "test/support/llm-server.mjs");
  const env = { PATH: process.env.PATH ?? "", ...settings };
  const child = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return new LlmServer(child, line.toString().trim(), settings.LOG ?? "");
}

export class LlmServer implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #log: string;

  constructor(child: ChildProcess, url: string, log: string) {
    this.#child = child;
    this.url = url;
    this.#log = log;
  }

  get port(): string {
    return new URL(this.url).port;
  }

  /** Lines of this server and earlier ones with the same log. */
  get served(): readonly ServedLine[] {
    if (!existsSync(this.#log)) return [];
    const lines = readFileSync(this.#log, "utf8").trimEnd().split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** Returns the most requests that were open at once. */
  async load(): Promise<{ readonly most: number }> {
    return (await (await fetch(`${this.url}/load`)).json()) as { most: number };
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
