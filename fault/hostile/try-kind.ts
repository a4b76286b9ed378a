import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostileKind, Trial } from "./kinds.ts";
import { Tally } from "./tally.ts";
import { type MeasuredOutcome, TrialRunner } from "./trial-runner.ts";
import { CallTrials } from "./try-call.ts";
import { PeerTrials } from "./try-peers.ts";
import { WireTrials } from "./try-wire.ts";

interface KindOptions {
  readonly kind: HostileKind;
  readonly seed: number;
  readonly from: number;
  readonly count: number;
  readonly onBroken: (trial: Trial, outcome: MeasuredOutcome) => void | Promise<void>;
}

/** Tries `count` hostile inputs of one kind, and reports each forbidden outcome. */
export async function tryKind({ kind, seed, from, count, onBroken }: KindOptions): Promise<Tally> {
  const tally = new Tally();
  const folder = await mkdtemp(join(tmpdir(), "shardmill-hostile-"));
  try {
    await using runner = await runnerOf(kind, folder);
    for (let index = from; index < from + count; index += 1) {
      const trial = { kind, seed, index };
      const outcome = await runner.attempt(trial);
      tally.add(outcome);
      if (outcome.broken !== null) await onBroken(trial, outcome);
    }
    if (runner instanceof WireTrials || runner instanceof PeerTrials) {
      const outcome = await runner.finish();
      if (outcome.broken !== null) await onBroken({ kind, seed, index: from + count }, outcome);
    }
    if (runner instanceof PeerTrials) tally.note = runner.cost;
    return tally;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runnerOf(
  kind: HostileKind,
  folder: string,
): Promise<TrialRunner | WireTrials | CallTrials | PeerTrials> {
  if (kind === "wire") return WireTrials.open();
  if (kind === "peers") return PeerTrials.open();
  return kind === "call" ? new CallTrials() : new TrialRunner(folder);
}
