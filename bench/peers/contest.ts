import { note } from "../report/report.ts";
import type { WorkloadName } from "../workloads/workload.ts";
import { Arena } from "./arena.ts";
import type { Usage } from "./measured-run.ts";
import { peerSettings, type SettingsOptions, type WorkloadSettings } from "./peer-settings.ts";
import { OURS, type RankedTool } from "./ranking.ts";
import { PEER_TABLE, type PeerName } from "./tools.ts";

interface ContestOptions extends SettingsOptions {
  readonly rounds: number;
}

interface Contestant {
  readonly tool: string;
  readonly settings: string;
  readonly aim: number;
  /** @throws when it fails, or gives other rows */
  readonly run: () => Promise<Usage>;
}

/**
 * Runs all tools once a round, starting with another one each round, and checks the rows of every run. A tool
 * that failed once is skipped from then on.
 */
export async function contest(name: WorkloadName, options: ContestOptions): Promise<readonly RankedTool[]> {
  const settings = await peerSettings(name, options);
  await using arena = await Arena.open(name, options.rows, options);
  const contestants = contestantsOf(arena, options.peers, settings);
  const runs = contestants.map((): Usage[] => []);
  const failures = contestants.map((): string | null => null);
  for (let at = 0; at < options.rounds; at += 1) {
    for (let turn = 0; turn < contestants.length; turn += 1) {
      const index = (at + turn) % contestants.length;
      const contestant = contestants[index];
      if (contestant === undefined || failures[index] !== null) continue;
      const where = `${name}, round ${at + 1}, ${contestant.tool}`;
      try {
        const usage = await contestant.run();
        runs[index]?.push(usage);
        note(`${where}: ${usageText(usage)}`);
      } catch (error) {
        failures[index] = error instanceof Error ? error.message : String(error);
        note(`${where}: ${failures[index]}`);
      }
    }
  }
  const { rows } = arena.workload;
  return contestants.map(({ tool, settings, aim }, index): RankedTool => {
    const facts = { workload: name, tool, settings, rows, aim };
    return { ...facts, runs: runs[index] ?? [], failure: failures[index] ?? null };
  });
}

function contestantsOf(
  arena: Arena,
  peers: readonly PeerName[],
  settings: WorkloadSettings,
): readonly Contestant[] {
  return [
    { tool: OURS, settings: "found automatically", aim: 1, run: () => arena.runShardmill() },
    ...peers.map((peer): Contestant => {
      const { title, aims } = PEER_TABLE[peer];
      const found = settings[peer];
      const aim = aims[arena.workload.name];
      if (found === undefined)
        return { tool: title, settings: "", aim, run: () => Promise.reject(new Error("no settings work")) };
      const text = `${found.variant}, ${found.batchRows} rows a batch`;
      return { tool: title, settings: text, aim, run: () => arena.runPeer(peer, found) };
    }),
  ];
}

function usageText({ wallSeconds, cpuSeconds, peakBytes }: Usage): string {
  const mebibytes = Math.round(peakBytes / 2 ** 20);
  return `${wallSeconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU, ${mebibytes} MiB`;
}
