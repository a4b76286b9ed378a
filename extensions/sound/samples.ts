/** Initial capacity for a sound of unknown length. It grows by half. */
const FIRST_ROOM = 65_536;
const GROWTH = 1.5;

/** Collector of samples of several channels that arrive in pieces. */
export class Samples {
  #channels: Float32Array[];
  #length = 0;

  constructor(channels: number) {
    this.#channels = Array.from({ length: channels }, () => new Float32Array(FIRST_ROOM));
  }

  /** Samples of each channel. */
  get length(): number {
    return this.#length;
  }

  push(block: readonly Float32Array[]): void {
    const end = this.#length + (block[0]?.length ?? 0);
    const room = this.#channels[0]?.length ?? 0;
    if (end > room) this.#grow(Math.max(end, Math.ceil(room * GROWTH)));
    for (const [channel, data] of block.entries()) this.#channels[channel]?.set(data, this.#length);
    this.#length = end;
  }

  take(): readonly Float32Array[] {
    return this.#channels.map((data) => data.subarray(0, this.#length));
  }

  #grow(room: number): void {
    this.#channels = this.#channels.map((data) => {
      const grown = new Float32Array(room);
      grown.set(data);
      return grown;
    });
  }
}
