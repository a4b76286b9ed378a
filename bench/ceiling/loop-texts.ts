import { present } from "../../shared/core/assert.ts";
import type { TextTokenizer } from "../../shared/text/text-tokenizer.ts";
import { eachBatch, type LoopRowsOptions } from "./loop-rows.ts";
import { openLoopTokenizer } from "./loop-tokenizer.ts";

/** A lane's share of a workload's texts in memory, and what makes tokens of them. */
export async function readLoopTexts({ workload, lane, lanes, mostRows }: LoopRowsOptions): Promise<{
  readonly texts: readonly string[];
  readonly tokenizer: TextTokenizer;
}> {
  const input = present(
    workload.inputs.find(({ tokenizer }) => tokenizer !== undefined),
    "the workload has texts",
  );
  const [column = ""] = input.columns ?? [];
  const tokenizer = present(await openLoopTokenizer(workload, input), "the input has a tokenizer");
  const every = Math.max(1, Math.floor(workload.rows / mostRows)) * lanes;
  const texts: string[] = [];
  await eachBatch(workload, [column], async (batch, firstRow) => {
    const cells = batch.getChild(column);
    for (let row = 0; row < batch.numRows; row += 1)
      if ((firstRow + row) % every === lane) texts.push(String(cells?.get(row)));
  });
  return { texts, tokenizer };
}
