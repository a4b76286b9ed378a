/** Reader of a stream of pieces by counts of bytes. */
export class PieceReader {
  readonly #pieces: AsyncIterator<Buffer, void>;
  #piece: Buffer = Buffer.alloc(0);
  /** Offset of the next byte. */
  at: number;

  /** @param at offset of the first byte */
  constructor(pieces: AsyncIterator<Buffer, void>, at = 0) {
    this.#pieces = pieces;
    this.at = at;
  }

  /** Returns the next bytes, or fewer at the end. They may share memory with the pieces. */
  async take(bytes: number): Promise<Buffer> {
    if (bytes <= this.#piece.length) return this.#cut(bytes);
    const parts: Buffer[] = [];
    await this.pass(bytes, (part) => parts.push(part));
    return Buffer.concat(parts);
  }

  /** Passes over the next bytes. Returns their number, which is lower at the end. */
  async pass(bytes: number, see?: (part: Buffer) => void): Promise<number> {
    let left = bytes;
    while (left > 0) {
      if (this.#piece.length === 0 && !(await this.#refill())) break;
      const part = this.#cut(Math.min(left, this.#piece.length));
      left -= part.length;
      see?.(part);
    }
    return bytes - left;
  }

  /** Ends the stream. */
  async end(): Promise<void> {
    await this.#pieces.return?.();
  }

  #cut(bytes: number): Buffer {
    const part = this.#piece.subarray(0, bytes);
    this.#piece = this.#piece.subarray(bytes);
    this.at += bytes;
    return part;
  }

  async #refill(): Promise<boolean> {
    const { value, done } = await this.#pieces.next();
    if (done === true || value === undefined) return false;
    this.#piece = value;
    return true;
  }
}
