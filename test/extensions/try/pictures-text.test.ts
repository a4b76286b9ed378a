import { expect, test } from "vitest";
import { picturesText, previewWay } from "../../../extensions/try/pictures-text.ts";

const terminal = (depth: number, isTTY = true) => ({ isTTY, getColorDepth: () => depth });

test.each([
  [terminal(24), {}, "halfBlocks"],
  [terminal(8), {}, "halfBlocks256"],
  [terminal(4), {}, null],
  [terminal(1), { TERM_PROGRAM: "iTerm.app" }, null],
  [terminal(24, false), { TERM_PROGRAM: "iTerm.app" }, null],
  [terminal(24), { TERM_PROGRAM: "iTerm.app" }, "iterm"],
  [terminal(24), { LC_TERMINAL: "iTerm2" }, "iterm"],
  [terminal(24), { LC_TERMINAL: "iTerm2", TMUX: "/tmp/tmux" }, "halfBlocks"],
  [terminal(24), { TERM: "xterm-kitty" }, "kitty"],
  [terminal(24), { KITTY_WINDOW_ID: "1", STY: "1.pts" }, "halfBlocks"],
])("%j with %j shows pictures as %s", (stream, env, way) => {
  expect(previewWay(stream as Parameters<typeof previewWay>[0], env)).toBe(way);
});

const pixels = (width: number, height: number, ...rgb: number[]) =>
  ({ kind: "pixels", width, height, data: Buffer.from(rgb).toString("base64") }) as const;

test("two rows of pixels are one line, a single last row has no lower half, and pictures are adjacent", () => {
  const tall = pixels(1, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  const lines = picturesText([tall, pixels(1, 2, 255, 0, 0, 0, 0, 255)], "halfBlocks", 14);
  const [first, second] = lines;
  expect(lines).toHaveLength(2);
  expect(first).toBe(
    "\u001b[38;2;1;2;3m\u001b[48;2;4;5;6m▀\u001b[0m  \u001b[38;2;255;0;0m\u001b[48;2;0;0;255m▀\u001b[0m",
  );
  expect(second).toBe("\u001b[38;2;7;8;9m\u001b[49m▀\u001b[0m   ");
  expect(picturesText([pixels(1, 2, 255, 0, 0, 0, 0, 255)], "halfBlocks256", 14)).toEqual([
    "\u001b[38;5;196m\u001b[48;5;21m▀\u001b[0m",
  ]);
  expect(picturesText([tall], null, 14)).toEqual([]);
});

test("kitty gets a picture in pieces, and the last piece is marked", () => {
  const data = "A".repeat(10_000);
  const [text = ""] = picturesText([{ kind: "png", width: 1, height: 1, data }], "kitty", 14);
  const pieces = text.split("\u001b\\").filter((piece) => piece !== "");
  expect(pieces.map((piece) => piece.slice(0, piece.indexOf(";")))).toEqual([
    "\u001b_Gf=100,a=T,r=14,m=1",
    "\u001b_Gm=1",
    "\u001b_Gm=0",
  ]);
  expect(pieces.map((piece) => piece.slice(piece.indexOf(";") + 1)).join("")).toBe(data);
});

test("iTerm2 gets a picture in one piece", () => {
  expect(picturesText([{ kind: "png", width: 1, height: 1, data: "QQ==" }], "iterm", 14)).toEqual([
    "\u001b]1337;File=inline=1;height=14;preserveAspectRatio=1:QQ==\u0007",
  ]);
});
