import type { WriteStream } from "node:tty";
import type { PreviewFormat } from "../../shared/extension/feature-viewer.ts";
import { createStyle } from "../../shared/terminal/style.ts";
import { picturesText, previewWay } from "./pictures-text.ts";
import { rowText } from "./row-text.ts";
import type { RowTrace } from "./row-trace.ts";

interface RowPrinter {
  /** Preview format of the terminal. Null: it cannot show pictures. */
  readonly preview: PreviewFormat | null;
  /** Formats a row's trace as lines. */
  print(trace: RowTrace): string;
}

/** Width for a file or a pipe, which has no width. */
const PIPE_COLUMNS = 100;
const LEAST_COLUMNS = 40;
/** Size of one of two adjacent pictures, in columns and lines. */
const PREVIEW = { columns: 32, lines: 14 };
/** Size for terminals that show real pixels. */
const PREVIEW_PIXELS = 256;

/** Creates the printer of rows for `stdout`. */
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
