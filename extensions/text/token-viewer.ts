import { cellsOf } from "../../shared/dataset/cell-reader.ts";
import { columnData } from "../../shared/dataset/record-batch.ts";
import { localPathOf } from "../../shared/domain/location.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
import type { StepViewer } from "../../shared/extension/step-viewer.ts";
import type { TokenizeOp } from "./op.ts";
import { openTokenizer } from "./tokenize-step.ts";

/** Limit of tokens shown for a text. */
const MOST_TOKENS = 512;

/** Opens the viewer that shows the step's token ids as text. */
export async function openTokenViewer(files: readonly StepFile[], op: TokenizeOp): Promise<StepViewer> {
  const tokenizer = await openTokenizer(
    op,
    files.map(({ location }) => localPathOf(location)),
  );
  return {
    async view({ batch, rowsTruncated, mostRows }) {
      const cells = [...cellsOf(columnData(batch, op.ids))].slice(0, mostRows);
      const rows = [...cells.entries()].filter(([, cell]) => cell !== null);
      return await Promise.all(
        rows.map(async ([row, cell]) => {
          const all = [...(cell as Iterable<number>)];
          const ids = all.slice(0, MOST_TOKENS);
          const texts = await tokenizer.pieces(ids);
          const tokens = ids.map((id, at) => ({ id, text: texts[at] ?? "" }));
          return { count: all.length, isTruncated: rowsTruncated.includes(row), tokens };
        }),
      );
    },
  };
}
