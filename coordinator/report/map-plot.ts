import type { RunHistory } from "../../shared/domain/run-history.ts";
import { KIND_BITS } from "../insight/shard-cells.ts";
import { coarser, unpackMap } from "../insight/shard-map.ts";
import { html, type Markup } from "./markup.ts";
import { PLOT_WIDTH } from "./plots.ts";

const COLUMNS = 100;
/** As many as are told apart on a page. */
const MOST_CELLS = 20 * COLUMNS;
const SIZE = PLOT_WIDTH / COLUMNS;

/** As the bits of `shardCells` have them. */
const KINDS = ["waiting", "at a worker", "being checked", "committed", "given up"] as const;
const MARKED = ["failed before", "with a backup", "with dead letters"] as const;

/** What a cell says, in words: a kind, and marks. */
function textOf(cell: number): string {
  const marks = MARKED.filter((_, bit) => (cell & (8 << bit)) !== 0);
  return [KINDS[cell & KIND_BITS] ?? "", ...marks].join(", ");
}

/** All shards in the order of the plan, where some were not simply committed; else null. */
export function mapPlot({
  map,
}: RunHistory): { readonly plot: Markup; readonly shardsPerCell: number } | null {
  if (map === undefined) return null;
  const kept = unpackMap(map);
  if (kept.every((cell) => cell === 3)) return null;
  const { cells, shardsPerCell: keptPerCell } = coarser(kept, MOST_CELLS);
  const shardsPerCell = keptPerCell * map.shardsPerCell;
  const height = Math.ceil(cells.length / COLUMNS) * SIZE;
  const plot = html`<svg viewBox="0 0 ${PLOT_WIDTH} ${height}" role="img" aria-label="All shards in the order of the plan">
${stretches(cells).map(({ from, to, cell }) => stretch(from, to, cell, shardsPerCell))}</svg>`;
  return { plot, shardsPerCell };
}

/** Cells of one line that say the same are one mark. */
function stretches(cells: Uint8Array): { from: number; to: number; cell: number }[] {
  const found: { from: number; to: number; cell: number }[] = [];
  cells.forEach((cell, at) => {
    const last = found.at(-1);
    if (last !== undefined && last.cell === cell && at % COLUMNS !== 0) last.to = at + 1;
    else found.push({ from: at, to: at + 1, cell });
  });
  return found;
}

function stretch(from: number, to: number, cell: number, shardsPerCell: number): Markup {
  const x = (from % COLUMNS) * SIZE;
  const y = Math.floor(from / COLUMNS) * SIZE;
  const width = (to - from) * SIZE - 1;
  const last = to * shardsPerCell - 1;
  const first = from * shardsPerCell;
  const title = `${first === last ? `shard ${first}` : `shards ${first} to ${last}`}: ${textOf(cell)}`;
  const mark =
    cell > KIND_BITS
      ? html`<rect class="mark" x="${x}" y="${y + SIZE - 4}" width="${width}" height="2"/>`
      : null;
  return html`<g><title>${title}</title><rect class="cell k${cell & KIND_BITS}" x="${x}" y="${y}" width="${width}" height="${SIZE - 1}"/>${mark}</g>`;
}
