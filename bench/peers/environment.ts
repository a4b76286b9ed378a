import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot, packageVersion } from "../../shared/core/package-root.ts";
import { WORKLOADS_FOLDER } from "../workloads/workload.ts";

/** Folder of the peers' scripts: they run from source, never from dist/. */
export const PEERS_FOLDER = join(packageRoot, "bench", "peers");

/** Python with all peers installed, and its versions. */
interface PeersEnvironment {
  readonly python: string;
  /** Versions by package, and of `python`, `java`, `node`, `onnxruntime-node`. */
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Makes the virtual environment if it does not exist.
 *
 * @throws when Python, Java or a package is unavailable, with details on stderr
 */
export async function preparePeers(): Promise<PeersEnvironment> {
  const folder = join(WORKLOADS_FOLDER, "peers-venv");
  execFileSync("sh", [join(PEERS_FOLDER, "setup.sh"), folder], { stdio: ["ignore", 2, 2] });
  const python = join(folder, "bin", "python");
  const requirements = await readFile(join(PEERS_FOLDER, "requirements.txt"), "utf8");
  const versions = {
    ...parseRequirements(requirements),
    python: execFileSync(python, ["--version"], { encoding: "utf8" }).trim().replace("Python ", ""),
    java: javaVersion(),
    node: process.version.slice(1),
    "onnxruntime-node": packageVersion("onnxruntime-node"),
  };
  return { python, versions };
}

/** Parses `name==version` lines. `ray[data]` becomes `ray`. */
export function parseRequirements(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^([\w.-]+)(?:\[[^\]]*\])?==(\S+)$/gm)].map(([, name = "", version = ""]) => [
      name,
      version,
    ]),
  );
}

function javaVersion(): string {
  // Java prints its version on stderr.
  const said = execFileSync("sh", ["-c", "java -version 2>&1"], { encoding: "utf8" });
  return /version "([^"]+)"/.exec(said)?.[1] ?? "";
}
