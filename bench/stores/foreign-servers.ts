import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";

/** Returns the folder with the servers, which `npm run stores` and `npm run seaweedfs` share. */
export function fetchServers(project: "stores" | "seaweedfs" = "stores"): string {
  const script = join(packageRoot, "scripts", "foreign.mjs");
  const said = execFileSync(process.execPath, [script, project, "--fetch"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return said.trim().split("\n").at(-1) ?? "";
}
