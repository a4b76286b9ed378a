import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../../shared/core/package-root.ts";

interface SlowWay extends AsyncDisposable {
  readonly endpoint: string;
}

/** Opens another address of a server on this machine, which delays each answer. */
export async function openSlowWay(endpoint: string, latencyMs: number): Promise<SlowWay> {
  const script = fileURLToPath(compiledUrl("bench/stores/slow-link.ts"));
  const { port } = new URL(endpoint);
  const child = spawn(process.execPath, [script, port, String(latencyMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return {
    endpoint: `http://127.0.0.1:${said.toString().trim()}`,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
