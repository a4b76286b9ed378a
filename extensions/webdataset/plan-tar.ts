import type { FormatPlanner } from "../../shared/extension/format.ts";
import { type FoundTar, findColumns } from "./find-columns.ts";
import { indexTar } from "./index-tar.ts";

/** Planner of WebDataset files. */
export const tarPlanner: FormatPlanner = {
  findForm: findColumns,
  async indexFile(source, found, signal) {
    const indexed = await indexTar(source, (found as FoundTar).form, signal);
    const rowGroups = indexed.index.stretches.map(({ keys, bytes }) => ({ rows: keys.length, bytes }));
    return { ...indexed, rowGroups, undecoded: null };
  },
};
