import type { WriteStream } from "node:tty";
import type { Preview } from "../../shared/extension/feature-viewer.ts";

/**
 * Methods of terminals to show pictures: the protocols of iTerm2 and kitty, or characters with two coloured
 * halves. The latter have 24-bit or 256 colours.
 */
type PreviewWay = "iterm" | "kitty" | "halfBlocks" | "halfBlocks256";

/** Returns the best method of `stream`. Null: not a terminal, or too few colours. */
export function previewWay(
  stream: Pick<WriteStream, "isTTY" | "getColorDepth">,
  env: NodeJS.ProcessEnv,
): PreviewWay | null {
  if (!stream.isTTY) return null;
  const depth = stream.getColorDepth(env);
  const { TERM_PROGRAM = "", LC_TERMINAL = "", TERM = "", TMUX, STY } = env;
  // A terminal multiplexer would drop unknown sequences, or print them.
  const isDirect = TMUX === undefined && STY === undefined && depth >= 8;
  if (isDirect && (env.KITTY_WINDOW_ID !== undefined || TERM === "xterm-kitty" || TERM_PROGRAM === "ghostty"))
    return "kitty";
  if (isDirect && (["iTerm.app", "WezTerm"].includes(TERM_PROGRAM) || LC_TERMINAL === "iTerm2"))
    return "iterm";
  if (depth >= 24) return "halfBlocks";
  return depth >= 8 ? "halfBlocks256" : null;
}

/**
 * Returns the lines of pictures: below each other by a terminal's protocol, else next to each other. Without
 * a method there are none.
 */
export function picturesText(
  previews: readonly Preview[],
  way: PreviewWay | null,
  lines: number,
): readonly string[] {
  switch (way) {
    case null:
      return [];
    case "iterm":
      return previews.map(
        ({ data }) => `\u001b]1337;File=inline=1;height=${lines};preserveAspectRatio=1:${data}\u0007`,
      );
    case "kitty":
      return previews.map(({ data }) => kittyText(data, lines));
    case "halfBlocks":
    case "halfBlocks256":
      return sideBySide(previews.map((preview) => halfBlocks(preview, way)));
  }
}

/** Limit of one chunk in kitty's protocol. */
const KITTY_CHARS = 4_096;

function kittyText(data: string, lines: number): string {
  const pieces = data.match(new RegExp(`.{1,${KITTY_CHARS}}`, "g")) ?? [];
  return pieces
    .map((piece, index) => {
      const first = index === 0 ? `f=100,a=T,r=${lines},` : "";
      return `\u001b_G${first}m=${index < pieces.length - 1 ? 1 : 0};${piece}\u001b\\`;
    })
    .join("");
}

const GAP = "  ";
const RESET = "\u001b[0m";
/** Character with its upper half in the foreground colour, and its lower half in the background colour. */
const UPPER_HALF = "▀";

interface Block {
  readonly lines: readonly string[];
  readonly columns: number;
}

function halfBlocks({ width, height, data }: Preview, way: "halfBlocks" | "halfBlocks256"): Block {
  const rgb = Buffer.from(data, "base64");
  const colour = (x: number, y: number, ground: 38 | 48) => {
    const at = 3 * (y * width + x);
    const [red = 0, green = 0, blue = 0] = rgb.subarray(at, at + 3);
    if (way === "halfBlocks") return `\u001b[${ground};2;${red};${green};${blue}m`;
    return `\u001b[${ground};5;${cubeColour(red, green, blue)}m`;
  };
  const lines = Array.from({ length: Math.ceil(height / 2) }, (_, line) => {
    const cells = Array.from({ length: width }, (_, x) => {
      const upper = colour(x, 2 * line, 38);
      const lower = 2 * line + 1 < height ? colour(x, 2 * line + 1, 48) : "\u001b[49m";
      return `${upper}${lower}${UPPER_HALF}`;
    });
    return `${cells.join("")}${RESET}`;
  });
  return { lines, columns: width };
}

/** Returns the nearest of the 6 x 6 x 6 colours, from 16 on, of terminals with 256 colours. */
function cubeColour(red: number, green: number, blue: number): number {
  const [r, g, b] = [red, green, blue].map((light) => Math.round((light / 255) * 5)) as [
    number,
    number,
    number,
  ];
  return 16 + 36 * r + 6 * g + b;
}

function sideBySide(blocks: readonly Block[]): readonly string[] {
  const height = Math.max(0, ...blocks.map(({ lines }) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    blocks.map(({ lines, columns }) => lines[line] ?? " ".repeat(columns)).join(GAP),
  );
}
