/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Image in memory, row by row, with the channels of a pixel adjacent. */
export interface Pixels extends Size {
  /** 3: red, green, blue. 1: grey. */
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** Rectangle of an image by its top left corner. It may be partly or entirely outside. */
export interface Region extends Size {
  readonly x: number;
  readonly y: number;
}
