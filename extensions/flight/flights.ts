import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { TableFormat } from "../../shared/domain/dataset.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { type OutputFile, type OutputManifest, reductionOf } from "../../shared/domain/manifest.ts";
import { textFormOf } from "../../shared/domain/output-formats.ts";
import type { JobResults, ResultsView } from "../../shared/extension/results-view.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import type { Flight, FlightPart } from "./flight.ts";
import type { Manifests } from "./manifests.ts";
import { partitionsOf } from "./part-folders.ts";

/** Limit of flight names that a not-found error lists. */
const NAMES_SHOWN = 8;

type PartsByName = ReadonlyMap<string, readonly FlightPart[]>;

/**
 * Flights by path: `rows`, `reduced/NAME` and `errors` of an output, and `partials/NAME` while its job runs.
 * If there are several jobs, the job's id comes first.
 */
export class Flights {
  readonly #results: ResultsView;
  readonly #manifests: Pick<Manifests, "of">;
  readonly #parts = new WeakMap<OutputManifest, PartsByName>();

  constructor(results: ResultsView, manifests: Pick<Manifests, "of">) {
    this.#results = results;
    this.#manifests = manifests;
  }

  /** Lists the flights whose path, joined by `/`, begins with `prefix`. Unreadable outputs are skipped. */
  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<Flight, void, undefined> {
    for (const job of await this.#results.jobs()) {
      const flights = await this.#flightsOf(job, signal).catch(noneIfMissing);
      yield* flights.filter(({ path }) => path.join("/").startsWith(prefix));
    }
  }

  /**
   * @throws {RESULT_NOT_FOUND} when there is no such flight
   * @throws the errors of reading the output
   */
  async find(requested: readonly string[], signal: AbortSignal): Promise<Flight> {
    // Some clients send a path as one text, others as a list.
    const path = requested.flatMap((name) => name.split("/")).filter((name) => name !== "");
    const jobs = await this.#results.jobs();
    const job = jobs.findLast(({ jobId }) => jobId === null || jobId === path[0]);
    if (job === undefined)
      throw notFound(
        path,
        jobs.map(({ jobId }) => `${jobId}/...`),
      );
    const flights = await this.#flightsOf(job, signal);
    if (path.at(-1) === "rows" && job.isPublished) await this.#refuseText(job, signal);
    const found = flights.find((flight) => flight.path.join("/") === path.join("/"));
    if (found === undefined)
      throw notFound(
        path,
        flights.map((flight) => flight.path.join("/")),
      );
    return found;
  }

  async #flightsOf(job: JobResults, signal: AbortSignal): Promise<readonly Flight[]> {
    const above = job.jobId === null ? [] : [job.jobId];
    if (!job.isPublished) return await this.#combinedOf(job, above);
    const parts = this.#partsOf(await this.#manifests.of(job, signal), job.output);
    return [...parts].map(([name, own]) => ({
      path: [...above, ...name.split("/")],
      parts: own,
      stores: job.stores,
      isPublished: true,
    }));
  }

  /** Returns the parts by flight name, cached per manifest. A hundred thousand files take a while. */
  #partsOf(manifest: OutputManifest, output: Location): PartsByName {
    const parts = this.#parts.get(manifest) ?? partsByName(manifest, output);
    this.#parts.set(manifest, parts);
    return parts;
  }

  /** @throws {RESULT_NOT_FOUND} when the rows are text, whose files have no column types */
  async #refuseText(job: JobResults, signal: AbortSignal): Promise<void> {
    const { files } = await this.#manifests.of(job, signal);
    const text = files.find(isText);
    if (text === undefined) return;
    const { path } = text;
    throw new ShardmillError("RESULT_NOT_FOUND", `the rows are text, and not served: ${path}`, {
      fields: { path },
      hint: "read the files of the output, or set output.rows to parquet or arrow",
    });
  }

  async #combinedOf(
    { jobId, combined, stores }: JobResults,
    above: readonly string[],
  ): Promise<readonly Flight[]> {
    const flights: Flight[] = [];
    if (jobId === null) return flights;
    for (const reduction of combined) {
      const tables = await this.#results.combined(jobId, reduction);
      const parts = tables.map(
        ({ shard, ...table }): FlightPart => ({ id: shard, ...table, format: "parquet", partitions: [] }),
      );
      if (parts.length > 0)
        flights.push({ path: [...above, "partials", reduction], parts, stores, isPublished: false });
    }
    return flights;
  }
}

function partsByName(manifest: OutputManifest, output: Location): PartsByName {
  const partitions = partitionsOf(manifest, output);
  const parts = new Map<string, FlightPart[]>();
  for (const file of manifest.files) {
    if (isText(file)) continue;
    const name = flightName(file);
    const own = parts.get(name) ?? [];
    parts.set(name, own);
    const { rows, bytes, sha256, path } = file;
    own.push({
      id: own.length,
      location: below(output, path),
      format: formatOf(path),
      rows,
      bytes,
      sha256,
      partitions: partitions(file),
    });
  }
  return parts;
}

/** Returns the flight of a file: `rows`, `errors`, or `reduced/NAME`. */
export function flightName(file: OutputFile): string {
  return file.kind === "reduced" ? `reduced/${reductionOf(file)}` : file.kind;
}

/** Checks whether a file is text, which has no column types. */
export function isText({ path }: OutputFile): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return textFormOf(name.slice(name.indexOf(".") + 1)) !== null;
}

function formatOf(path: string): TableFormat {
  return path.endsWith(".arrow") ? "arrow" : "parquet";
}

function noneIfMissing(error: unknown): readonly Flight[] {
  if (isMissing(error) || isShardmillError(error, "OUTPUT_FAILED")) return [];
  throw error;
}

/** Returns true for errors of a result that existed at its lookup. Outputs are cleared, and jobs end. */
export function isMissing(error: unknown): boolean {
  return isPlaceError(error) || isShardmillError(error, "RESULT_NOT_FOUND");
}

function notFound(path: readonly string[], there: readonly string[]): ShardmillError {
  const shown = there.slice(0, NAMES_SHOWN).join(", ");
  const more = there.length > NAMES_SHOWN ? `, and ${there.length - NAMES_SHOWN} more` : "";
  return new ShardmillError("RESULT_NOT_FOUND", `there is no flight ${JSON.stringify(path.join("/"))}`, {
    fields: { path: path.join("/") },
    hint: there.length === 0 ? "nothing is published here yet" : `choose one of ${shown}${more}`,
  });
}
