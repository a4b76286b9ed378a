import { Writable } from "node:stream";

/** A terminal's screen. It interprets the few codes that progress uses, and fails on others. */
export class Screen extends Writable {
  readonly isTTY = true;
  columns = 80;
  readonly #lines: string[] = [""];
  #row = 0;
  #column = 0;

  /** Visible lines, without the empty last line that contains the cursor. */
  get lines(): string[] {
    if (this.#row !== this.#lines.length - 1 || this.#lines.at(-1) !== "")
      throw new Error("the cursor is not below");
    return this.#lines.slice(0, -1);
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are steered by these.
    for (const token of chunk.toString().match(/\u001b\[\??\d*[A-Za-z]|[^\u001b]/gsu) ?? [])
      this.#obey(token);
    done();
  }

  #obey(token: string): void {
    if (token === "\r") this.#column = 0;
    else if (token === "\n") this.#newLine();
    else if (token === "\u001b[0J") this.#clearDown();
    else if (token.startsWith("\u001b")) this.#moveUp(token);
    else this.#put(token);
  }

  #newLine(): void {
    this.#row += 1;
    this.#column = 0;
    if (this.#row === this.#lines.length) this.#lines.push("");
  }

  #clearDown(): void {
    this.#lines.length = this.#row + 1;
    this.#lines[this.#row] = (this.#lines[this.#row] ?? "").slice(0, this.#column);
  }

  #moveUp(token: string): void {
    const lines = Number(/^.\[(\d+)A$/u.exec(token)?.[1] ?? Number.NaN);
    if (!(lines <= this.#row)) throw new Error(`this screen cannot obey ${JSON.stringify(token)}`);
    this.#row -= lines;
  }

  #put(character: string): void {
    const line = this.#lines[this.#row] ?? "";
    if (this.#column >= (this.columns || 80) - 1) throw new Error("the last column is to stay free");
    this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column += 1;
  }
}
