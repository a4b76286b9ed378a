import type { ChildProcess } from "node:child_process";
import { messageOf } from "../../../shared/core/errors.ts";
import { ProcessLink } from "../../../shared/core/remote/process-link.ts";
import { endText, Remote, type RemoteEnd, RemoteLost } from "../../../shared/core/remote/remote.ts";
import { formatBytes } from "../../../shared/core/units.ts";
import { type JobStores, NO_STORES, storesOf } from "../../../shared/domain/job-stores.ts";
import { COUNTS_OWNER } from "../../../shared/http/report-counts.ts";
import type { FoundFile } from "../input/discover.ts";
import type { FooterAnswer, FooterRequest, FormAnswer, FormRequest, FoundForms } from "./footer-protocol.ts";

export interface ReadLimits {
  readonly limitMs: number;
  readonly memoryLimitBytes: number;
  readonly signal: AbortSignal;
  /** The job's settings of its stores. Default: none. */
  readonly stores?: JobStores;
  /** Text with the names of columns whose statistics are read. Default: no statistics. */
  readonly named?: string | null;
  /** Forms of files without a footer. Default: all files have one. */
  readonly forms?: FoundForms;
}

export type ProcessReply<Answer = FooterAnswer> =
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "broke"; readonly found: string };

/** Methods of a footer process. */
export interface FooterReader {
  read(request: FooterRequest): Promise<FooterAnswer>;
  findForm(request: FormRequest): Promise<FormAnswer>;
}

/**
 * Process that reads footers, some files at a time. It is ended when a file crashes it, hangs it, or makes it
 * exceed the memory of any footer. A thread would not do: only a process's memory can be limited, and a
 * native crash ends the whole process.
 */
export class FooterProcess implements AsyncDisposable {
  readonly #remote: Remote<FooterReader>;

  constructor(child: ChildProcess, memoryLimitBytes: number) {
    this.#remote = new Remote(new ProcessLink(child, memoryLimitBytes), { serves: COUNTS_OWNER });
  }

  get isUsable(): boolean {
    return this.#remote.error === null;
  }

  /** Returns the answer, or what broke the process. Rejects only with the signal's reason. */
  read(files: readonly FoundFile[], limits: ReadLimits): Promise<ProcessReply> {
    const { stores = NO_STORES, named = null, forms = {}, signal, limitMs } = limits;
    const request = { files, stores: storesOf(stores, files), named, forms };
    return this.#untilBroken(this.#remote.call("read", request, { limitMs, signal }), limits);
  }

  /** Finds the form of files. Returns the answer, or what broke the process, as {@link read} does. */
  findForm(request: FormRequest, limits: ReadLimits): Promise<ProcessReply<FormAnswer>> {
    const { signal, limitMs } = limits;
    return this.#untilBroken(this.#remote.call("findForm", request, { limitMs, signal }), limits);
  }

  async #untilBroken<Answer>(answer: Promise<Answer>, { signal }: ReadLimits): Promise<ProcessReply<Answer>> {
    try {
      return { kind: "answered", answer: await answer };
    } catch (error) {
      // The process may be in the middle of a file.
      this.#remote.end();
      if (signal.aborted) throw error;
      return { kind: "broke", found: foundText(error) };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#remote[Symbol.asyncDispose]();
  }
}

function foundText(error: unknown): string {
  const end: RemoteEnd | null = error instanceof RemoteLost ? error.end : null;
  switch (end?.kind) {
    case "time":
      return `reading it takes more than ${end.limitMs / 1000} seconds`;
    case "memory":
      return `reading it takes more than ${formatBytes(end.bytes)} of memory`;
    case "exited":
      return `the reader exited while reading it (${endText(end)})`;
    default:
      return `the reader failed while reading it (${messageOf(error)})`;
  }
}
