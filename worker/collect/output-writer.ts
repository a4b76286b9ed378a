import { assert, present } from "../../shared/core/assert.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { OpenDims, OutputBinding } from "../../shared/domain/map-binding.ts";
import type { RanShape } from "../../shared/domain/model-output.ts";
import { lengthsIn } from "../../shared/domain/open-dims.ts";
import { columnsOf, fieldOf, readColumn } from "../../shared/domain/output-fields.ts";
import { DTYPE_ARRAYS, product, type TensorData } from "../../shared/domain/tensor.ts";
import type {
  ColumnValues,
  OpColumn,
  OutputOp,
  Scores,
  WriteList,
  WriteRow,
} from "../../shared/output-ops/output-op.ts";
import { opOf } from "../../shared/output-ops/output-ops.ts";
import { outputMisfit } from "../batch/output-shape.ts";
import { rowsFirst } from "../tensorize/batch-axis.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";
import { countsOf } from "../tensorize/row-positions.ts";
import { ListColumn } from "./list-column.ts";
import { numbersOf } from "./numbers.ts";
import {
  columnValues,
  copyElements,
  grown,
  type MadeColumn,
  OutputColumn,
  type Placement,
} from "./output-column.ts";
import { PositionsColumn } from "./positions-column.ts";
import { RaggedColumn } from "./ragged-column.ts";
import { RowCells } from "./row-cells.ts";
import { TextColumn } from "./text-column.ts";

/** Makes the columns of one output binding from tensors. */
export interface OutputWriter {
  readonly columns: readonly MadeColumn[];
  /** Makes room for a chunk, whose rows are in the shard from `place` on. Chunks are opened in order. */
  open(chunk: InputChunk, place: number): void;
  /** @param outputs outputs of the same run, for those that depend on another one */
  write(
    tensor: TensorData,
    placements: readonly Placement[],
    outputs?: Readonly<Record<string, TensorData>>,
  ): void;
}

/**
 * @param capacityRows rows of the shard. If steps make more, the columns grow.
 * @param op op of the binding
 */
export function createOutputWriter(
  binding: OutputBinding,
  capacityRows: number,
  op: OutputOp = opOf(binding.op),
): OutputWriter {
  const columns = columnsOf(binding, op).map((made) => {
    const { length, labels } = made;
    return { field: fieldOf(binding, made), width: length ?? 1, labels: labels ?? null, made };
  });
  const { field, made } = present(columns[0], "an output makes a column");
  if (made.type === "tensor") {
    const { sequence, open } = binding;
    if (open !== undefined) return raggedWriter(new RaggedColumn(field, { ...binding, open }), open);
    if (sequence === null) return rawWriter(binding, field, capacityRows);
    return positionsWriter(new PositionsColumn(field, { ...binding, sequence }));
  }
  if (op.writeList !== undefined) {
    const lists = columns.map(({ field, labels, made, width }) => {
      const cells = { isOne: made.most === undefined, width, room: roomFor(made, (made.most ?? 1) * width) };
      return new ListColumn(field, cells, capacityRows, labels);
    });
    const writeList = op.writeList.bind(op);
    const cellsOf = () => lists.map(({ cells }) => cells);
    return listWriter(binding, lists, () => writeList(binding.op, cellsOf()));
  }
  const write = present(op.write, "an op writes what is not copied");
  const written = columns.map(({ field, width, labels, made }) => {
    return new OutputColumn(field, roomFor(made, capacityRows * width), width, labels);
  });
  const writeInto = () =>
    write(
      binding.op,
      written.map(({ values }) => values),
    );
  return rowWriter(binding, written, writeInto);
}

function roomFor({ type }: OpColumn, count: number): ColumnValues {
  assert(type !== "tensor", "an op copies all of its columns, or none");
  return new DTYPE_ARRAYS[type](count);
}

/**
 * Checks the shape of the tensor for `binding`, and returns the tensor with its batch axis first.
 *
 * @throws {MODEL_SHAPE} when the output is missing, or its dtype or shape differs from the plan
 */
export function checkTensor(
  outputs: Readonly<Record<string, TensorData>>,
  binding: OutputBinding,
  ran: RanShape,
): TensorData {
  const misfit = outputMisfit(outputs, binding, ran);
  if (misfit !== null) throw misfit;
  const tensor = present(outputs[binding.tensor], "an output that fits is there");
  if (binding.batchAxis === null) return { ...tensor, dims: [1, ...tensor.dims] };
  return rowsFirst(tensor, binding.batchAxis);
}

function rawWriter(binding: OutputBinding, field: Field, capacityRows: number): OutputWriter {
  const width = binding.rowValues;
  if (binding.dtype === "string") return textWriter(new TextColumn(field, capacityRows, width));
  const column = new OutputColumn(field, columnValues(binding.dtype, capacityRows * width), width);
  return {
    columns: [column],
    open: ({ rows }, place) => column.reserve(place + rows),
    write: (tensor, placements) => {
      for (const { tensorRow, rows, place } of placements) {
        copyElements(
          tensor.data,
          tensorRow * width,
          (tensorRow + rows) * width,
          column.values,
          place * width,
        );
      }
    },
  };
}

function textWriter(column: TextColumn): OutputWriter {
  return {
    columns: [column],
    open: ({ rows }, place) => column.reserve(place + rows),
    write: (tensor, placements) => column.write(tensor, placements),
  };
}

function positionsWriter(column: PositionsColumn): OutputWriter {
  return {
    columns: [column],
    open: (chunk, place) => column.open(chunk, place),
    write: (tensor, placements) => column.write(tensor, placements),
  };
}

function raggedWriter(column: RaggedColumn, { lengths }: OpenDims): OutputWriter {
  return {
    columns: [column],
    open: () => {},
    write: (tensor, placements, outputs = {}) => {
      const counts = lengths === null ? null : present(outputs[lengths], "lengths are an output of the run");
      column.write(tensor, placements, counts);
    },
  };
}

/** Returns a writer for ops that convert one row at a time, from the scores to the columns. */
function rowWriter(
  binding: OutputBinding,
  columns: readonly OutputColumn[],
  writeInto: () => WriteRow,
): OutputWriter {
  const positions = new PositionCounts(binding);
  let write = writeInto();
  return {
    columns,
    open: (chunk, place) => {
      const grown = columns.map((column) => column.reserve(place + chunk.rows));
      if (grown.includes(true)) write = writeInto();
      positions.open(chunk, place);
    },
    write: (tensor, placements) => {
      const scores = scoresOf(tensor, binding);
      for (const { tensorRow, rows, place } of placements) {
        for (let row = 0; row < rows; row += 1) {
          write(scores, tensorRow + row, place + row, positions.of(place + row));
        }
      }
    },
  };
}

/** Returns a writer for ops that make lists of varying length. */
function listWriter(
  binding: OutputBinding,
  columns: readonly ListColumn[],
  writeInto: () => WriteList,
): OutputWriter {
  const positions = new PositionCounts(binding);
  const cells = new RowCells(readColumn(binding));
  let write = writeInto();
  return {
    columns,
    open: (chunk, place) => {
      for (const column of columns) column.reserve(place + chunk.rows);
      positions.open(chunk, place);
      cells.open(chunk, place);
    },
    write: (tensor, placements, outputs = {}) => {
      const scores = scoresOf(tensor, binding);
      const lengths = openLengths(binding, outputs);
      const widened = columns.map((column) => column.widen(scores.length));
      if (widened.includes(true)) write = writeInto();
      for (const { tensorRow, rows, place } of placements) {
        for (let row = 0; row < rows; row += 1) {
          const [from, at] = [tensorRow + row, place + row];
          const own = binding.open === undefined ? positions.of(at) : (lengths?.[from] ?? scores.length);
          const count = write(scores, from, own, cells.of(at));
          for (const column of columns) column.append(at, count);
        }
      }
    },
  };
}

function scoresOf(tensor: TensorData, { rowValues, sequence, open }: OutputBinding): Scores {
  const lists = open?.dims.length ?? (sequence === null ? 0 : 1);
  return { values: numbersOf(tensor), width: rowValues, length: product(tensor.dims.slice(1, 1 + lists)) };
}

/** Returns the lengths of a batch's rows. Null: no output has them. */
function openLengths(
  { open }: OutputBinding,
  outputs: Readonly<Record<string, TensorData>>,
): readonly number[] | null {
  if (open === undefined || open.lengths === null) return null;
  return lengthsIn(present(outputs[open.lengths], "lengths are an output of the run"));
}

/** Positions of uneven rows, by row of the shard. */
class PositionCounts {
  readonly #sequence: number | null;
  #counts = new Uint32Array(0);

  constructor({ sequence }: OutputBinding) {
    this.#sequence = sequence;
  }

  /** Adds the rows of a chunk, from `place` on. */
  open({ positions }: InputChunk, place: number): void {
    if (this.#sequence === null) return;
    const added = countsOf(positions, this.#sequence);
    this.#counts = grown(this.#counts, place + added.length);
    this.#counts.set(added, place);
  }

  /** Returns the positions of a row. Even rows: 1. */
  of(place: number): number {
    return this.#sequence === null ? 1 : (this.#counts[place] ?? 0);
  }
}
