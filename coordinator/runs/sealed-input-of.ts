import { type SealedInput, sealedInput } from "../journal/sealed-input.ts";
import { loadSharedJournals } from "../journal/shared-journals.ts";
import { knownPaths, type RunPlace } from "../publish/own-run.ts";
import { type OutputPaths, withRun } from "../publish/work-paths.ts";

/**
 * Returns the input in the sealed plan of an unfinished run, wherever its journal is. Null: no sealed
 * plan. Changes nothing and needs no lock.
 *
 * @throws {JOURNAL_CORRUPT}
 */
export async function sealedInputOf(
  paths: OutputPaths,
  { disk, storage }: RunPlace,
): Promise<SealedInput | null> {
  if (paths.runFile === null) return await sealedInput(withRun(paths, null).journal, disk);
  const known = await knownPaths(paths, { disk, storage });
  if (known === null) return null;
  return await (await loadSharedJournals()).sealedInput({ own: known.own, storage });
}
