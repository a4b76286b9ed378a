/** So many pixels across and down. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** An image in memory: row after row, the channels of a pixel side by side. */
export interface Pixels extends Size {
  /** 3: red, green, blue; 1: grey. */
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** A rectangle of an image, its corner at the top left. It may lie outside in part, or as a whole. */
export interface Region extends Size {
  readonly x: number;
  readonly y: number;
}
