import { typeText } from "./column-type.ts";
import { rowsOf, type TortureCase } from "./torture-case.ts";

/** Describes a case in a few lines. */
export function caseText(torture: TortureCase): string {
  const { hand, format, files, x, kept, storage, groupRows, outputRows } = torture;
  const shape = x.width === null ? "" : ` ${x.shape}[${x.width}]`;
  return [
    `${format} by ${hand}, ${files.length} files, ${rowsOf(torture)} rows in groups of ${groupRows}, to ${outputRows}`,
    `  in the folder ${JSON.stringify(torture.folder)}, ${JSON.stringify(storage)}`,
    `  shards of ${torture.shardRows}, batches of ${torture.batchRows}, ${torture.workers} workers, reductions: ${torture.reduce}`,
    `  x: ${JSON.stringify(x.name)} ${x.dtype}${shape}, ${x.nulls} nulls; id: ${JSON.stringify(torture.id)}`,
    ...kept.slice(0, 12).map(({ name, type, nulls, longest }) => {
      const odd = longest > 12 ? `, up to ${longest} long` : "";
      return `  keep ${JSON.stringify(name)}: ${typeText(type)}, ${nulls} nulls${odd}`;
    }),
    ...(kept.length > 12 ? [`  and ${kept.length - 12} more kept columns`] : []),
  ].join("\n");
}
