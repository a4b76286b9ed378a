import type { RecordSink, ScannedRecord } from "./record-sink.ts";

/** The records of some bytes, as they were found. */
export class RecordTable implements RecordSink {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** As a scan counts them: 0 is a fault. */
  readonly values: number[] = [];
  /** The number of each record's first line, from that of the bytes' first. */
  readonly lines: number[] = [];
  /** Where `lines` go on. */
  line: number;

  /** @param line the number of the bytes' first line */
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
