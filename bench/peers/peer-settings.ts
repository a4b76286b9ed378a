import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { note } from "../report/report.ts";
import { WORKLOADS_FOLDER, type WorkloadName } from "../workloads/workload.ts";
import { Arena, type ArenaOptions } from "./arena.ts";
import type { PeerSettings } from "./peer-job.ts";
import { PEER_TABLE, type PeerName, TUNING } from "./tools.ts";
import { middleOf, tunePeer } from "./tune-peer.ts";

export type WorkloadSettings = Partial<Record<PeerName, PeerSettings>>;

/** Tuning of a peer's settings: when they are unknown, always, or never. */
export const TUNINGS = ["once", "again", "never"] as const;
export type Tuning = (typeof TUNINGS)[number];

export interface SettingsOptions extends ArenaOptions {
  readonly peers: readonly PeerName[];
  /** Rows of the workload. Default: its own number. Tuning uses at most these. */
  readonly rows: number | undefined;
  readonly tune: Tuning;
}

const TUNED = join(WORKLOADS_FOLDER, "peers-tuning.json");

/**
 * Returns the best settings of each peer for a workload. Finds them by runs over some of the rows, and stores
 * them by the numbers of cores and rows. A peer that fails with all settings has none. Without tuning, it
 * uses its first variant and middle batch size.
 */
export async function peerSettings(name: WorkloadName, options: SettingsOptions): Promise<WorkloadSettings> {
  if (options.tune === "never")
    return Object.fromEntries(options.peers.map((peer) => [peer, untuned(name, peer)]));
  const known: Record<string, PeerSettings> = await readTuned();
  const rows = Math.min(TUNING[name].rows, options.rows ?? TUNING[name].rows);
  const keyOf = (peer: PeerName) => `${name} ${peer} ${options.cores} ${rows}`;
  const open = options.peers.filter((peer) => options.tune === "again" || known[keyOf(peer)] === undefined);
  if (open.length > 0) {
    const { batchRows } = TUNING[name];
    await using arena = await Arena.open(name, rows, { ...options, bucket: null });
    for (const peer of open) {
      const { title, variants } = PEER_TABLE[peer];
      try {
        known[keyOf(peer)] = await tunePeer({ variants, batchRows }, async (settings) => {
          const what = `tuning ${name}, ${title}: ${settings.variant}, ${settings.batchRows} rows a batch`;
          const { wallSeconds } = await arena.runPeer(peer, settings).catch((error: unknown) => {
            note(`${what}: ${error instanceof Error ? error.message : String(error)}`);
            throw error;
          });
          note(`${what}: ${wallSeconds.toFixed(1)} s`);
          return wallSeconds;
        });
        await writeFile(TUNED, `${JSON.stringify(known, null, 2)}\n`);
      } catch (error) {
        if (!(error instanceof AggregateError)) throw error;
        note(`tuning ${name}, ${title}: ${error.message}`);
      }
    }
  }
  return Object.fromEntries(options.peers.map((peer) => [peer, known[keyOf(peer)]]));
}

function untuned(name: WorkloadName, peer: PeerName): PeerSettings {
  const { variants } = PEER_TABLE[peer];
  return { variant: variants[0], batchRows: middleOf(TUNING[name].batchRows) };
}

async function readTuned(): Promise<Record<string, PeerSettings>> {
  return JSON.parse(await readFile(TUNED, "utf8").catch(() => "{}"));
}
