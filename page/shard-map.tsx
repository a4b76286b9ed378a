import { useEffect, useRef, useState } from "preact/hooks";
import { api, listen } from "./api.tsx";

const KINDS = ["waiting", "at a worker", "being checked", "committed", "given up"] as const;
const COLOURS = ["--idle", "--good", "--warn", "--done", "--bad"] as const;
const KIND_BITS = 7;
const FAILED_BEFORE = 8;
const HAS_BACKUP = 16;
const HAS_DEAD_LETTERS = 32;

interface MapProps {
  readonly jobId: string;
  readonly isOver: boolean;
}

/** Shows all shards in plan order on a canvas, one cell each. A frame has time for hundreds of thousands. */
export function ShardMap({ jobId, isOver }: MapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [counts, setCounts] = useState<readonly number[]>([0, 0, 0, 0, 0]);
  const [told, setTold] = useState("");
  const paint = (cells: Uint8Array) => {
    if (canvas.current !== null) draw(canvas.current, cells);
    setCounts(countsOf(cells));
  };
  const { cells, perCell } = useCells(jobId, paint);
  useEffect(() => {
    const repaint = () => paint(cells.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("resize", repaint);
    scheme.addEventListener("change", repaint);
    return () => {
      removeEventListener("resize", repaint);
      scheme.removeEventListener("change", repaint);
    };
  }, []);
  const point = (event: MouseEvent) => {
    const index = canvas.current === null ? -1 : cellAt(canvas.current, cells.current.length, event);
    const cell = cells.current[index];
    setTold(cell === undefined ? "" : `${shardsAt(index, perCell ?? 1)}: ${textOf(cell)}`);
  };
  const isUnknown = isOver && perCell !== null && cells.current.length === 0;
  if (isUnknown) return <p class="soft">The outcome of its shards is no longer known.</p>;
  const shown = KINDS.map((kind, at) => `${(counts[at] ?? 0).toLocaleString("en")} ${kind}`);
  const summary = shown.join(", ");
  return (
    <>
      <ul class="legend">
        {KINDS.map((kind, at) => (
          <li key={kind}>
            <span class={`swatch c${at}`} />
            {shown[at]}
          </li>
        ))}
        <li>a bar: failed before · a dot: backup, or dead letters</li>
      </ul>
      <canvas ref={canvas} class="map" role="img" aria-label={`All shards: ${summary}`} onMouseMove={point} />
      <p class="soft">{told === "" ? "Point at a cell to see its shard." : told}</p>
      {perCell === null || perCell === 1 ? null : (
        <p class="soft">A cell means {perCell} shards, and shows the worst of them.</p>
      )}
    </>
  );
}

/** Keeps the cells of a job up to date, and calls `paint` after each change. `perCell` is null at first. */
function useCells(jobId: string, paint: (cells: Uint8Array) => void) {
  const cells = useRef<Uint8Array>(new Uint8Array());
  const [perCell, setPerCell] = useState<number | null>(null);
  useEffect(() => {
    // Changes that arrive while all cells are requested are newer than the response.
    let waiting: (readonly number[])[] | null = null;
    const change = (changes: readonly number[]) => {
      for (let at = 0; at < changes.length; at += 2) cells.current[changes[at] ?? 0] = changes[at + 1] ?? 0;
    };
    const askForAll = async () => {
      waiting = [];
      try {
        const all = await api.shards(jobId);
        cells.current = all.cells;
        setPerCell(all.shardsPerCell);
      } finally {
        for (const changes of waiting) change(changes);
        waiting = null;
        paint(cells.current);
      }
    };
    return listen(jobId, {
      shards: (changes) => {
        if (changes === null) void askForAll().catch(() => {});
        else if (waiting !== null) waiting.push(changes);
        else {
          change(changes);
          paint(cells.current);
        }
      },
    });
  }, [jobId]);
  return { cells, perCell };
}

function shardsAt(index: number, perCell: number): string {
  return perCell === 1 ? `Shard ${index}` : `Shards ${index * perCell} to ${(index + 1) * perCell - 1}`;
}

function textOf(cell: number): string {
  const parts = [
    KINDS[cell & KIND_BITS],
    cell & FAILED_BEFORE ? "failed before" : "",
    cell & HAS_BACKUP ? "has a backup" : "",
    cell & HAS_DEAD_LETTERS ? "has dead letters" : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function countsOf(cells: Uint8Array): number[] {
  const counts = KINDS.map(() => 0);
  for (const cell of cells) counts[cell & KIND_BITS] = (counts[cell & KIND_BITS] ?? 0) + 1;
  return counts;
}

/** Returns a grid of square cells, 1 to 22 pixels wide. It fills one page, or more with tiny cells. */
function gridOf(width: number, count: number): { readonly size: number; readonly columns: number } {
  const sizeIn = (height: number) => Math.floor(Math.sqrt((width * height) / Math.max(1, count)));
  const size = Math.max(1, Math.min(22, sizeIn(460)), Math.min(2, sizeIn(800)));
  return { size, columns: Math.max(1, Math.floor(width / size)) };
}

function cellAt(canvas: HTMLCanvasElement, count: number, event: MouseEvent): number {
  const { size, columns } = gridOf(canvas.width, count);
  const scale = canvas.width / canvas.clientWidth;
  const column = Math.floor((event.offsetX * scale) / size);
  return column >= columns ? -1 : Math.floor((event.offsetY * scale) / size) * columns + column;
}

/** Draws all pixels into one image. One canvas call per cell would take a hundred times as long. */
function draw(canvas: HTMLCanvasElement, cells: Uint8Array): void {
  const started = performance.now();
  const width = Math.max(1, Math.floor(canvas.clientWidth * devicePixelRatio));
  const { size, columns } = gridOf(width, cells.length);
  const height = Math.max(1, Math.ceil(cells.length / columns) * size);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) return;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const style = getComputedStyle(canvas);
  const palette = COLOURS.map((name) => pixelOf(style.getPropertyValue(name)));
  const ink = pixelOf(style.getPropertyValue("--ink"));
  const gap = size > 3 ? 1 : 0;
  for (let index = 0; index < cells.length; index += 1) {
    const cell = cells[index] ?? 0;
    const left = (index % columns) * size;
    const top = Math.floor(index / columns) * size;
    const colour = palette[cell & KIND_BITS] ?? 0;
    for (let y = 0; y < size - gap; y += 1) {
      const row = (top + y) * width + left;
      pixels.fill(colour, row, row + size - gap);
    }
    if (size < 5) continue;
    if (cell & FAILED_BEFORE)
      pixels.fill(ink, (top + size - 3) * width + left, (top + size - 3) * width + left + size - gap);
    if (cell & (HAS_BACKUP | HAS_DEAD_LETTERS)) {
      pixels.fill(ink, top * width + left, top * width + left + 2);
      pixels.fill(ink, (top + 1) * width + left, (top + 1) * width + left + 2);
    }
  }
  context.putImageData(image, 0, 0);
  // Read by measurements.
  canvas.dataset.drawMs = (performance.now() - started).toFixed(1);
}

/** Converts `#rrggbb` to the four bytes of a pixel. */
function pixelOf(colour: string): number {
  const [red = 0, green = 0, blue = 0] = (colour.trim().slice(1).match(/../g) ?? []).map((hex) =>
    Number.parseInt(hex, 16),
  );
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
