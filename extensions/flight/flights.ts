import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { TableFormat } from "../../shared/domain/dataset.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { OutputFile, OutputManifest } from "../../shared/domain/manifest.ts";
import type { JobResults, ResultsView } from "../../shared/extension/results-view.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import type { Flight, FlightPart } from "./flight.ts";
import type { Manifests } from "./manifests.ts";
import { partitionsOf } from "./part-folders.ts";

/** So many names of flights are told to whoever asked for one that is not there. */
const NAMES_SHOWN = 8;

type PartsByName = ReadonlyMap<string, readonly FlightPart[]>;

/**
 * What there is to be served, by path: `rows`, `reduced/NAME` and `errors` of an output, `partials/NAME`
 * while its job runs; with the job's id in front where there are several.
 */
export class Flights {
  readonly #results: ResultsView;
  readonly #manifests: Pick<Manifests, "of">;
  readonly #parts = new WeakMap<OutputManifest, PartsByName>();

  constructor(results: ResultsView, manifests: Pick<Manifests, "of">) {
    this.#results = results;
    this.#manifests = manifests;
  }

  /**
   * Those whose path, joined by `/`, begins with `prefix`. An output that cannot be read any more is left
   * out.
   */
  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<Flight, void, undefined> {
    for (const job of await this.#results.jobs()) {
      const flights = await this.#flightsOf(job, signal).catch(noneIfGone);
      yield* flights.filter(({ path }) => path.join("/").startsWith(prefix));
    }
  }

  /** @throws {RESULT_NOT_FOUND} and why the output cannot be read */
  async find(asked: readonly string[], signal: AbortSignal): Promise<Flight> {
    // Some clients have one text for a path, others a list.
    const path = asked.flatMap((name) => name.split("/")).filter((name) => name !== "");
    const jobs = await this.#results.jobs();
    const job = jobs.findLast(({ jobId }) => jobId === null || jobId === path[0]);
    if (job === undefined)
      throw notFound(
        path,
        jobs.map(({ jobId }) => `${jobId}/...`),
      );
    const flights = await this.#flightsOf(job, signal);
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

  /** By the flight's name. Made once for each manifest: of a hundred thousand files they take a while. */
  #partsOf(manifest: OutputManifest, output: Location): PartsByName {
    const parts = this.#parts.get(manifest) ?? partsByName(manifest, output);
    this.#parts.set(manifest, parts);
    return parts;
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

/** `rows`, `errors`: all files of it; `reduced/NAME`: one file. */
export function flightName({ kind, path }: OutputFile): string {
  return kind === "reduced"
    ? `reduced/${path.slice(path.lastIndexOf("/") + 1, path.lastIndexOf("."))}`
    : kind;
}

function formatOf(path: string): TableFormat {
  return path.endsWith(".arrow") ? "arrow" : "parquet";
}

function noneIfGone(error: unknown): readonly Flight[] {
  if (isGone(error) || isShardmillError(error, "OUTPUT_FAILED")) return [];
  throw error;
}

/** Of what was there when it was looked up: an output is cleared, a job ends. */
export function isGone(error: unknown): boolean {
  return isPlaceError(error) || isShardmillError(error, "RESULT_NOT_FOUND");
}

function notFound(path: readonly string[], there: readonly string[]): ShardmillError {
  const shown = there.slice(0, NAMES_SHOWN).join(", ");
  const more = there.length > NAMES_SHOWN ? `, and ${there.length - NAMES_SHOWN} more` : "";
  return new ShardmillError("RESULT_NOT_FOUND", `there is no flight ${JSON.stringify(path.join("/"))}`, {
    fields: { path: path.join("/") },
    hint: there.length === 0 ? "nothing is published here yet" : `there is ${shown}${more}`,
  });
}
