import type { ChildProcess } from "node:child_process";
import { present } from "../../../shared/core/assert.ts";
import { errorToData } from "../../../shared/core/errors.ts";
import { inputCorrupt } from "../../../shared/dataset/input-errors.ts";
import type { InputFile } from "../../../shared/domain/dataset.ts";
import { formatTitle, hasFooter, recordFormatOf } from "../../../shared/domain/formats.ts";
import type { FoundFile } from "../input/discover.ts";
import { FooterProcess, type ProcessReply, type ReadLimits } from "./footer-process-owner.ts";
import { footerProcess } from "./footer-processes.ts";
import type { FileSchema, FooterAnswer, FooterReply, FormAnswer, FormRequest } from "./footer-protocol.ts";

/**
 * Pool of footer processes: one for each read at once, reused until a file breaks it. If a batch breaks a
 * process, each of its files is read alone to find the broken one.
 */
export class FooterReaders implements AsyncDisposable {
  readonly #limits: ReadLimits;
  readonly #start: (memoryLimitBytes: number) => ChildProcess;
  readonly #idle: FooterProcess[] = [];
  /**
   * Distinct schemas, which files share. A copy for each of a hundred thousand files would use too much
   * memory.
   */
  readonly #schemas = new Map<string, FileSchema>();

  /** @param start starts a process with a memory limit */
  constructor(limits: ReadLimits, start: (memoryLimitBytes: number) => ChildProcess = footerProcess) {
    this.#limits = limits;
    this.#start = start;
  }

  /**
   * Reads files and returns a reply for each, in order. After a storage failure, replies for the other files
   * may be missing. Rejects only with the signal's reason.
   */
  async read(files: readonly FoundFile[]): Promise<readonly FooterReply[]> {
    const reply = await this.#ask(files);
    if (reply.kind === "answered") return this.#unpack(reply.answer, files);
    const [only, ...others] = files;
    if (only !== undefined && others.length === 0) return [broken(only, reply.found)];
    const replies: FooterReply[] = [];
    for (const file of files) {
      const [own] = await this.read([file]);
      if (own !== undefined) replies.push(own);
      // Reading on would wait for the failed storage once for each file.
      if (own?.kind === "failed" && own.error.code === "STORE_FAILED") break;
    }
    return replies;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#idle.map((reader) => reader[Symbol.asyncDispose]()));
  }

  /** Finds the form of files. Rejects only with the signal's reason. */
  async findForm(request: FormRequest): Promise<FormAnswer> {
    const reply = await this.#withReader((reader) => reader.findForm(request, this.#limits));
    if (reply.kind === "answered") return reply.answer;
    const path = request.files[0]?.path ?? "";
    const { content, pieces } = recordFormatOf(request.format).words;
    const expected = `${content} that can be read`;
    const error = inputCorrupt({ path, where: `first ${pieces}`, expected, found: reply.found });
    return { kind: "failed", error: errorToData(error) };
  }

  #ask(files: readonly FoundFile[]): Promise<ProcessReply> {
    const limitMs = this.#limits.limitMs + scanMs(files);
    return this.#withReader((reader) => reader.read(files, { ...this.#limits, limitMs }));
  }

  async #withReader<T>(use: (reader: FooterProcess) => Promise<T>): Promise<T> {
    const reader = this.#idle.pop() ?? this.#another();
    try {
      return await use(reader);
    } finally {
      if (reader.isUsable) this.#idle.push(reader);
      else await reader[Symbol.asyncDispose]();
    }
  }

  #another(): FooterProcess {
    const { memoryLimitBytes } = this.#limits;
    return new FooterProcess(this.#start(memoryLimitBytes), memoryLimitBytes);
  }

  #unpack({ schemas, files }: FooterAnswer, asked: readonly FoundFile[]): readonly FooterReply[] {
    const shared = schemas.map((schema) => this.#shared(schema));
    return files.map((answer, at) => {
      if (answer.kind === "failed") return answer;
      const { kind, schema, ...footer } = answer;
      const own = present(shared[schema], "a file's schema is in the answer");
      return { kind, footer: { ...footer, file: this.#withForm(footer.file, asked[at]), ...own } };
    });
  }

  /** Restores the form, which all files of a format share. The index of a file that had one is its own. */
  #withForm(file: InputFile, asked: FoundFile | undefined): InputFile {
    if (asked?.text !== undefined) return { ...file, text: asked.text };
    if (file.text === undefined) return file;
    const { form } = present(this.#limits.forms?.[file.format], "a file was indexed by a form");
    return { ...file, text: { ...file.text, form } };
  }

  #shared(schema: FileSchema): FileSchema {
    const key = JSON.stringify(schema);
    const known = this.#schemas.get(key) ?? schema;
    this.#schemas.set(key, known);
    return known;
  }
}

/** Least reading rate of a supported storage. Files without a footer are read whole, which takes time. */
const SCAN_BYTES_MS = 2_000;

function scanMs(files: readonly FoundFile[]): number {
  return files.reduce((sum, { format, bytes }) => sum + (hasFooter(format) ? 0 : bytes / SCAN_BYTES_MS), 0);
}

function broken({ path, format }: FoundFile, found: string): FooterReply {
  const words = hasFooter(format) ? { pieces: "footer", content: "a footer" } : recordFormatOf(format).words;
  const expected = `${words.content} that the ${formatTitle(format)} format allows`;
  const error = inputCorrupt({ path, where: words.pieces, expected, found, poisoned: true });
  return { kind: "failed", error: errorToData(error) };
}
