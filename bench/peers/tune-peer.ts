import type { PeerSettings } from "./peer-job.ts";

interface TuningChoices {
  readonly variants: readonly string[];
  /** Batch sizes in rising order. */
  readonly batchRows: readonly number[];
}

interface Trial {
  readonly settings: PeerSettings;
  readonly seconds: number;
}

/**
 * Finds the fastest settings of a peer. First tries the variants at the middle batch size, then the other
 * batch sizes with the best variant.
 *
 * @param secondsOf runs the peer once. Settings with which it throws are rejected.
 * @throws {AggregateError} when the peer fails with all settings that were tried
 */
export async function tunePeer(
  { variants, batchRows }: TuningChoices,
  secondsOf: (settings: PeerSettings) => Promise<number>,
): Promise<PeerSettings> {
  const trials: Trial[] = [];
  const failures: unknown[] = [];
  const tryOut = async (settings: PeerSettings) => {
    try {
      trials.push({ settings, seconds: await secondsOf(settings) });
    } catch (error) {
      failures.push(error);
    }
  };
  const middle = middleOf(batchRows);
  for (const variant of variants) await tryOut({ variant, batchRows: middle });
  const best = fastest(trials)?.settings.variant ?? variants[0];
  for (const rows of batchRows) {
    if (rows !== middle && best !== undefined) await tryOut({ variant: best, batchRows: rows });
  }
  const found = fastest(trials);
  if (found === undefined) throw new AggregateError(failures, "the peer fails with all settings");
  return found.settings;
}

export function middleOf(batchRows: readonly number[]): number {
  return batchRows[batchRows.length >> 1] ?? 1;
}

function fastest(trials: readonly Trial[]): Trial | undefined {
  return trials.toSorted((a, b) => a.seconds - b.seconds)[0];
}
