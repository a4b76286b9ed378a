import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot, packageVersion } from "../../shared/core/package-root.ts";
import { WORKLOADS_FOLDER } from "../workloads/workload.ts";
import { ENVIRONMENTS, type EnvironmentName, PEER_TABLE, type PeerName } from "./tools.ts";

/** Folder of the peers' scripts: they run from source, never from dist/. */
export const PEERS_FOLDER = join(packageRoot, "bench", "peers");

/** Python of each environment that the peers need, and versions. */
interface PeersEnvironment {
  readonly pythons: Pythons;
  /** Versions by package, and of `python`, `java`, `node`, `onnxruntime-node`. */
  readonly versions: Readonly<Record<string, string>>;
}

export type Pythons = Partial<Readonly<Record<EnvironmentName, string>>>;

/**
 * Makes the virtual environments that some peers need, if they do not exist.
 *
 * @throws when Python, Java or a package is unavailable, with details on stderr
 */
export async function preparePeers(peers: readonly PeerName[]): Promise<PeersEnvironment> {
  const pythons: Partial<Record<EnvironmentName, string>> = {};
  const versions: Record<string, string> = {};
  // The environment that most peers share comes last, so that its versions are reported.
  for (const name of ["torch", "peers"] as const) {
    if (!peers.some((peer) => PEER_TABLE[peer].environment === name)) continue;
    const folder = join(WORKLOADS_FOLDER, `${name}-venv`);
    const requirements = join(PEERS_FOLDER, ENVIRONMENTS[name]);
    execFileSync("sh", [join(PEERS_FOLDER, "setup.sh"), folder, requirements], { stdio: ["ignore", 2, 2] });
    pythons[name] = join(folder, "bin", "python");
    Object.assign(versions, parseRequirements(await readFile(requirements, "utf8")));
    versions.python = execFileSync(pythons[name], ["--version"], { encoding: "utf8" }).trim().slice(7);
  }
  return {
    pythons,
    versions: {
      ...versions,
      java: javaVersion(),
      node: process.version.slice(1),
      "onnxruntime-node": packageVersion("onnxruntime-node"),
    },
  };
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
