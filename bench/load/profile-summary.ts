import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface AreaShare {
  readonly area: string;
  readonly share: number;
}

/** Returns the shares of a main thread, busiest first: by our folder, other package, or part of Node. */
export async function summarizeProfile(folder: string): Promise<readonly AreaShare[]> {
  const name = "main.cpuprofile";
  if (!(await readdir(folder)).includes(name)) return [];
  const profile: Profile = JSON.parse(await readFile(join(folder, name), "utf8"));
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)),
  );
  const times = new Map<string, number>();
  let busy = 0;
  for (const [index, id] of profile.samples.entries()) {
    const area = areaOf(nodes.get(id), parents);
    if (area === null) continue;
    const time = profile.timeDeltas[index] ?? 0;
    busy += time;
    times.set(area, (times.get(area) ?? 0) + time);
  }
  const shares = [...times].map(([area, time]) => ({ area, share: time / busy }));
  return shares.sort((a, b) => b.share - a.share);
}

/** Returns a sample's area. Native code counts for its caller. Null: the thread waits. */
function areaOf(node: ProfileNode | undefined, parents: ReadonlyMap<number, ProfileNode>): string | null {
  const { functionName = "" } = node?.callFrame ?? {};
  if (functionName === "(idle)") return null;
  if (functionName.startsWith("(")) return functionName.slice(1, -1);
  let at = node;
  while (at !== undefined && at.callFrame.url === "") at = parents.get(at.id);
  const url = at?.callFrame.url ?? "";
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (library !== undefined) return library;
  const own = /dist\/([^/]+\/[^/]+)\//.exec(url)?.[1];
  if (own !== undefined) return own;
  return url.startsWith("node:") ? (/^node:(?:internal\/)?[^/]+/.exec(url)?.[0] ?? url) : "native code";
}
