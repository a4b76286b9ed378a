import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Encoding, TextTokenizer } from "../../shared/text/text-tokenizer.ts";
import type { WorkloadInput } from "../workloads/recipe.ts";
import type { Workload } from "../workloads/workload.ts";

/** What makes ids of an input's texts; null of one whose column has its numbers. */
export async function openLoopTokenizer(
  { folder }: Workload,
  { tokenizer }: WorkloadInput,
): Promise<TextTokenizer | null> {
  if (tokenizer === undefined) return null;
  const { file, maxTokens } = tokenizer;
  const json = await readFile(join(folder, file), "utf8");
  return TextTokenizer.open(json, { maxTokens, truncation: "right", specialTokens: true });
}

/** @throws of a text that the library can do nothing with */
export function idsOf(encoding: Encoding | Error): BigInt64Array {
  if (encoding instanceof Error) throw encoding;
  return BigInt64Array.from(encoding.getIds(), BigInt);
}
