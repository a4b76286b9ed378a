import { setImmediate } from "node:timers/promises";
import {
  Field as ArrowField,
  type Data,
  FixedSizeList,
  Float32,
  Float64,
  List,
  makeData,
  type RecordBatch,
  Schema,
} from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { cellsOf } from "../../shared/dataset/cell-reader.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { int32Column, offsetsBehind } from "../../shared/dataset/text-column.ts";
import type { FileCells } from "../../shared/domain/file-cells.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { madeColumns, type StepColumns } from "../../shared/domain/step-binding.ts";
import type { RowFailure, Step, StepResult } from "../../shared/steps/step.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { openRowStorages, readFileCell } from "../../shared/storage/row-file.ts";
import { framesColumn, mostSamples, type SoundOp, type SoundWindows, valuesPerWindow } from "./op.ts";
import { readSound, type Sound } from "./read-sound.ts";
import { RowWriter } from "./row-writer.ts";
import { countFrames } from "./spectrogram/op.ts";
import { countWindows, hasFilledWindow, writeWindows } from "./windows.ts";

/** Limit of a file: fifty minutes of CD stereo. A file is read whole. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

/** Limit of one sound's values: a gigabyte of floats. An hour at 16 kHz is a quarter of it. */
const MAX_SOUND_VALUES = 2 ** 28;

const LIST = new List(new ArrowField("item", new Float32(), false));

/** Sound of a row, or the reason of its dead letter. */
type RowSound =
  | { readonly kind: "sound"; readonly channels: readonly Float32Array[]; readonly rows: number }
  | ({ readonly kind: "failed"; readonly rows: 1 } & Omit<RowFailure, "row">);

interface SoundStepOptions {
  readonly op: SoundOp;
  readonly cells: FileCells;
  /** Limit of a sound's values, from the job file. Default: none. */
  readonly maxBytes?: number;
}

/** Step that turns each row's sound into its samples, or into a row for each of its windows. */
export class SoundStep implements Step {
  readonly #column: string;
  readonly #made: readonly string[];
  readonly #op: SoundOp;
  readonly #cells: FileCells;
  readonly #maxBytes: number;
  readonly #storages: Storages;
  readonly #writer: RowWriter;

  constructor(
    columns: StepColumns,
    { op, cells, maxBytes = Number.POSITIVE_INFINITY }: SoundStepOptions,
    stores: JobStores,
  ) {
    this.#storages = openRowStorages(stores);
    this.#column = present(columns.reads[0], "a sound step reads a column");
    this.#made = madeColumns(columns).map(({ name }) => name);
    this.#op = op;
    this.#cells = cells;
    this.#maxBytes = maxBytes;
    this.#writer = new RowWriter(op);
  }

  /** @throws {STORE_FAILED} when the store of a sound fails, rather than the sound itself */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    const sounds: RowSound[] = [];
    for (const cell of cellsOf(columnData(batch, this.#column))) {
      signal.throwIfAborted();
      sounds.push(await this.#read(cell, signal));
    }
    const sources: number[] = [];
    const failed: RowFailure[] = [];
    for (const [row, sound] of sounds.entries()) {
      if (sound.kind === "failed")
        failed.push({ row: sources.length, code: sound.code, message: sound.message });
      for (let part = 0; part < sound.rows; part += 1) sources.push(row);
    }
    const made = await this.#batchOf(sounds, sources.length, signal);
    const { windows } = this.#op;
    if (windows === null) return { made, sources: null, failed };
    const rowsFilled = sounds.flatMap((sound, row) => (isFilled(sound, windows) ? [row] : []));
    return { made, sources: Uint32Array.from(sources), failed, noted: { rowsFilled } };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#storages[Symbol.asyncDispose]();
  }

  async #read(cell: unknown, signal: AbortSignal): Promise<RowSound> {
    if (cell === null)
      return { kind: "failed", rows: 1, code: "ROW_NULL", message: `column \`${this.#column}\` is null` };
    const sound = await this.#soundOf(cell, signal);
    if (sound.kind === "refused") return this.#failure(sound.code ?? "ROW_VALUE", sound.why);
    const { channels } = sound;
    const samples = channels[0]?.length ?? 0;
    const { windows } = this.#op;
    const rows = windows === null ? 1 : countWindows(samples, windows);
    if (rows === 0) {
      const why = `has ${samples} samples at ${this.#op.rate} a second, fewer than a window of ${windows?.window}`;
      return this.#failure("ROW_LENGTH", why);
    }
    const values =
      windows === null ? this.#writer.valuesOf(samples) : rows * valuesPerWindow(this.#op, windows);
    if (values === 0) {
      const why = `has ${samples} samples at ${this.#op.rate} a second, fewer than a frame of ${this.#op.spectrogram?.nFft}`;
      return this.#failure("ROW_LENGTH", why);
    }
    const bytes = values * Float32Array.BYTES_PER_ELEMENT;
    if (bytes > this.#maxBytes)
      return this.#failure(
        "ROW_LENGTH",
        `becomes ${formatBytes(bytes)}, more than \`maxBytes\`, ${formatBytes(this.#maxBytes)}`,
      );
    if (values > MAX_SOUND_VALUES)
      return this.#failure("ROW_LENGTH", `becomes ${values} values, more than ${MAX_SOUND_VALUES}`);
    return { kind: "sound", channels, rows };
  }

  async #soundOf(cell: unknown, signal: AbortSignal): Promise<Sound> {
    const options = { maxBytes: MAX_FILE_BYTES, signal };
    const file = await readFileCell(this.#storages, cell, this.#cells, options);
    if (file.kind === "refused") return file;
    return await readSound(
      file.bytes,
      { ...this.#op, maxSamples: mostSamples(this.#op, this.#maxBytes) },
      signal,
    );
  }

  #failure(code: RowFailure["code"], why: string): RowSound {
    return { kind: "failed", rows: 1, code, message: `the sound in column \`${this.#column}\` ${why}` };
  }

  async #batchOf(sounds: readonly RowSound[], rows: number, signal: AbortSignal): Promise<RecordBatch> {
    const { windows, samples } = this.#op;
    const values =
      windows === null ? await this.#wholeSounds(sounds, signal) : await this.#windows(sounds, rows, signal);
    const all: Readonly<Record<string, () => Data>> = {
      [samples]: () => values,
      [framesColumn(samples)]: () => int32Column(perWindow(sounds, (_, length) => this.#framesOf(length))),
      part: () => int32Column(perWindow(sounds, (part) => part)),
      start: () => this.#seconds(sounds, (part) => this.#startOf(part)),
      end: () => this.#seconds(sounds, (part, length) => Math.min(length, this.#endOf(part))),
    };
    const columns = this.#made.map((name) => present(all[name], name)());
    const fields = this.#made.map((name, at) => {
      const { type } = present(columns[at], name);
      return new ArrowField(name, type, false);
    });
    return recordBatchOf(new Schema(fields), rows, columns);
  }

  async #wholeSounds(sounds: readonly RowSound[], signal: AbortSignal): Promise<Data> {
    const lengths = sounds.map((sound) =>
      sound.kind === "failed" ? 0 : this.#writer.valuesOf(sound.channels[0]?.length ?? 0),
    );
    const offsets = offsetsBehind(lengths);
    const values = new Float32Array(offsets.at(-1) ?? 0);
    for (const [row, sound] of sounds.entries()) {
      if (sound.kind === "failed") continue;
      const stretch = { start: 0, end: sound.channels[0]?.length ?? 0 };
      await inTurns(this.#writer.write(sound.channels, stretch, { values, at: offsets[row] ?? 0 }), signal);
    }
    const child = makeData({ type: new Float32(), data: values });
    return makeData({ type: LIST, length: sounds.length, nullCount: 0, valueOffsets: offsets, child });
  }

  async #windows(sounds: readonly RowSound[], rows: number, signal: AbortSignal): Promise<Data> {
    const windows = present(this.#op.windows, "a sound that is cut has windows");
    const size = valuesPerWindow(this.#op, windows);
    const values = new Float32Array(rows * size);
    let row = 0;
    for (const sound of sounds) {
      const target = { values, at: row * size };
      if (sound.kind === "sound")
        await inTurns(writeWindows(sound.channels, windows, this.#writer, target), signal);
      row += sound.rows;
    }
    const type = new FixedSizeList(size, new ArrowField("item", new Float32(), false));
    const child = makeData({ type: new Float32(), data: values });
    return makeData({ type, length: rows, nullCount: 0, child });
  }

  #framesOf(samples: number): number {
    const { spectrogram } = this.#op;
    return spectrogram === undefined ? 0 : countFrames(samples, spectrogram);
  }

  #startOf(part: number): number {
    return part * (this.#op.windows?.hop ?? 0);
  }

  #endOf(part: number): number {
    return this.#startOf(part) + (this.#op.windows?.window ?? 0);
  }

  #seconds(sounds: readonly RowSound[], samplesOf: (part: number, length: number) => number): Data {
    const samples = perWindow(sounds, samplesOf);
    const data = Float64Array.from(samples, (count) => count / this.#op.rate);
    return makeData({ type: new Float64(), data, nullCount: 0 });
  }
}

/** Computes in turns with other tasks of the thread. */
async function inTurns(work: Generator<void>, signal: AbortSignal): Promise<void> {
  for (const _ of work) {
    await setImmediate();
    signal.throwIfAborted();
  }
}

function isFilled(sound: RowSound, windows: SoundWindows): boolean {
  return sound.kind === "sound" && hasFilledWindow(sound.channels[0]?.length ?? 0, windows);
}

/** @param value returns a window's value, by its index and the samples of its sound */
function perWindow(
  sounds: readonly RowSound[],
  value: (part: number, length: number) => number,
): readonly number[] {
  return sounds.flatMap((sound) => {
    const length = sound.kind === "failed" ? 0 : (sound.channels[0]?.length ?? 0);
    return Array.from({ length: sound.rows }, (_, part) => value(part, length));
  });
}
