import type { PlanProgress } from "../../coordinator/plan/plan-progress.ts";
import { formatCount } from "../../shared/core/units.ts";
import { fetchingText } from "./fetching-text.ts";

/** Files below which no count is shown: so few are read before anybody has read the line. */
const FEW_FILES = 1_000;

/** Describes the progress of a plan that takes long. */
export function planningText({ filesFound, footers, fetching }: PlanProgress): string {
  const model = fetching.now();
  if (model !== null) return `fetching the model: ${fetchingText(model)} ...`;
  if (footers !== null && footers.read < footers.of && footers.of >= FEW_FILES)
    return `checking the input: ${formatCount(footers.read)} of ${formatCount(footers.of)} files are read ...`;
  if (footers === null && filesFound >= FEW_FILES)
    return `checking the input: ${formatCount(filesFound)} files are found ...`;
  return "checking the input, the model and the SQL ...";
}
