import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Runs a command, by default in the package's folder. On failure, exits with the command's status. */
export function step(command, args, { cwd = root, env = {} } = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (status === 0) return;
  console.error(`${command} ${args.join(" ")} ${error?.message ?? `ended with ${status}`}`);
  process.exit(status ?? 1);
}
