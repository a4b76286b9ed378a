import { KIND_BITS } from "../../coordinator/insight/shard-cells.ts";
import { coarser, unpackMap } from "../../coordinator/insight/shard-map.ts";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import { html, type Markup } from "../../shared/plots/markup.ts";
import { PLOT_WIDTH } from "../../shared/plots/plots.ts";

const MOST_COLUMNS = 100;
/** Minimum of columns. Few shards get larger cells, up to this size. */
const LEAST_COLUMNS = 25;
/** Limit of cells that a reader can distinguish on a page. */
const MOST_CELLS = 20 * MOST_COLUMNS;

/** States and marks, in the order of the bits of `shardCells`. */
const KINDS = ["waiting", "at a worker", "being checked", "committed", "given up"] as const;
const MARKED = ["failed before", "with a backup", "with dead letters"] as const;

/** Describes a cell: its state and marks. */
function textOf(cell: number): string {
  const marks = MARKED.filter((_, bit) => (cell & (8 << bit)) !== 0);
  return [KINDS[cell & KIND_BITS] ?? "", ...marks].join(", ");
}

/** Plots all shards in plan order. Null: all were committed without failures. */
export function mapPlot({
  map,
}: RunHistory): { readonly plot: Markup; readonly shardsPerCell: number } | null {
  if (map === undefined) return null;
  const kept = unpackMap(map);
  if (kept.every((cell) => cell === 3)) return null;
  const { cells, shardsPerCell: keptPerCell } = coarser(kept, MOST_CELLS);
  const shardsPerCell = keptPerCell * map.shardsPerCell;
  const columns = Math.max(LEAST_COLUMNS, Math.min(MOST_COLUMNS, cells.length));
  const height = Math.ceil(cells.length / columns) * (PLOT_WIDTH / columns);
  const plot = html`<svg viewBox="0 0 ${PLOT_WIDTH} ${height}" role="img" aria-label="All shards in the order of the plan">
${stretches(cells, columns).map((each) => stretch(each, columns, shardsPerCell))}</svg>`;
  return { plot, shardsPerCell };
}

interface Stretch {
  readonly from: number;
  to: number;
  readonly cell: number;
}

/** Merges equal adjacent cells of a line. */
function stretches(cells: Uint8Array, columns: number): Stretch[] {
  const found: Stretch[] = [];
  cells.forEach((cell, at) => {
    const last = found.at(-1);
    if (last !== undefined && last.cell === cell && at % columns !== 0) last.to = at + 1;
    else found.push({ from: at, to: at + 1, cell });
  });
  return found;
}

function stretch({ from, to, cell }: Stretch, columns: number, shardsPerCell: number): Markup {
  const size = PLOT_WIDTH / columns;
  const x = rounded((from % columns) * size);
  const y = rounded(Math.floor(from / columns) * size);
  const width = rounded((to - from) * size - 1);
  const last = to * shardsPerCell - 1;
  const first = from * shardsPerCell;
  const title = `${first === last ? `shard ${first}` : `shards ${first} to ${last}`}: ${textOf(cell)}`;
  const mark =
    cell > KIND_BITS
      ? html`<rect class="mark" x="${x}" y="${rounded(y + size - 4)}" width="${width}" height="2"/>`
      : null;
  return html`<g><title>${title}</title><rect class="cell k${cell & KIND_BITS}" x="${x}" y="${y}" width="${width}" height="${rounded(size - 1)}"/>${mark}</g>`;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
