import type { RecordSink, ScannedRecord } from "./record-sink.ts";

/** Sink that collects the records of some bytes. */
export class RecordTable implements RecordSink {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Numbers of values from the scan. 0: a fault. */
  readonly values: number[] = [];
  /** Number of each record's first line. */
  readonly lines: number[] = [];
  /** Number of the next line. */
  line: number;

  /** @param line number of the first line of the bytes */
  constructor(line: number) {
    this.line = line;
  }

  get length(): number {
    return this.starts.length;
  }

  record({ start, end, lines, values }: ScannedRecord): void {
    this.starts.push(start);
    this.ends.push(end);
    this.values.push(values);
    this.lines.push(this.line);
    this.line += lines;
  }

  blank(): void {
    this.line += 1;
  }
}
