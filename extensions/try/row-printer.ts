import type { WriteStream } from "node:tty";
import type { PreviewFormat } from "../../shared/extension/feature-viewer.ts";
import { createStyle } from "../../shared/terminal/style.ts";
import { picturesText, previewWay } from "./pictures-text.ts";
import { rowText } from "./row-text.ts";
import type { RowTrace } from "./row-trace.ts";

interface RowPrinter {
  /** What the terminal can show of pictures; null: nothing. */
  readonly preview: PreviewFormat | null;
  /** A row with the lines that show its way. */
  print(trace: RowTrace): string;
}

/** A file or a pipe has no width: whoever reads it later has about this much. */
const PIPE_COLUMNS = 100;
const LEAST_COLUMNS = 40;
/** A small picture, two of them side by side: columns of one, and lines. */
const PREVIEW = { columns: 32, lines: 14 };
/** For terminals that show real pixels. */
const PREVIEW_PIXELS = 256;

/** How rows are shown on `stdout`. */
export function rowPrinter(stdout: WriteStream, env: NodeJS.ProcessEnv): RowPrinter {
  const columns = Math.max(LEAST_COLUMNS, stdout.isTTY ? stdout.columns : PIPE_COLUMNS);
  const way = previewWay(stdout, env);
  const style = createStyle(stdout);
  const pixels = Math.min(PREVIEW.columns, Math.floor((columns - 6) / 2));
  const isPng = way === "iterm" || way === "kitty";
  return {
    preview:
      way === null
        ? null
        : isPng
          ? { kind: "png", width: PREVIEW_PIXELS, height: PREVIEW_PIXELS }
          : { kind: "pixels", width: pixels, height: 2 * PREVIEW.lines },
    print: (trace) =>
      `${rowText(trace, { columns, style, pictures: (shown) => picturesText(shown, way, PREVIEW.lines) })}\n\n`,
  };
}
