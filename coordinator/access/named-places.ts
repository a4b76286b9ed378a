import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { placed, stagesOf } from "../../shared/domain/job-stages.ts";
import { type Location, parseLocation } from "../../shared/domain/location.ts";
import { foldersIn } from "../../shared/domain/map-folders.ts";
import { namedEndpoint } from "../../shared/domain/store-schemes.ts";
import { formatKeyPath, type KeyPath } from "../../shared/job-file/key-path.ts";
import { splitPattern } from "../../shared/job-file/path-pattern.ts";
import { filesNamedBy, programsOf } from "../plan/steps/step-files.ts";

/** Place in a job file. */
export interface NamedPlace {
  /** Key with the place. */
  readonly where: string;
  readonly location: Location;
}

/** Returns all places in a job file. A pattern gives its leading folder. */
export function namedPlaces(spec: JobSpec): readonly NamedPlace[] {
  const { input, model, map, tables = {}, output, work, stores } = spec;
  const stages = stagesOf(spec);
  const folders = stages.flatMap(({ place, map }) =>
    foldersIn(map).flatMap(({ path, folder }) =>
      named(path, folder).map(({ where, location }) => ({ where: placed(where, place), location })),
    ),
  );
  const models = (map.stages ?? []).flatMap(({ model }, at) =>
    named(["map", "stages", at, "model", "path"], model.path),
  );
  const settings = Object.entries(stores).flatMap(([name, { ca, endpoint }]) => [
    ...named(["stores", name, "ca"], ca),
    ...named(["stores", name, "endpoint"], endpoint && (namedEndpoint(endpoint) ?? endpoint)),
  ]);
  return [
    ...input.path.flatMap((path, at) => named(["input", "path", at], splitPattern(path).literal)),
    ...named(["model", "path"], model?.path),
    ...models,
    ...folders,
    ...[...filesNamedBy(map), ...programsOf(spec)].map(({ where, path }) => ({
      where,
      location: parseLocation(path),
    })),
    ...Object.entries(tables).flatMap(([name, path]) => named(["tables", name], path)),
    ...named(["output", "path"], output.path),
    ...named(["work", "path"], work?.path),
    ...settings,
  ];
}

function named(key: KeyPath, place: string | undefined): readonly NamedPlace[] {
  return place === undefined ? [] : [{ where: formatKeyPath(key), location: parseLocation(place) }];
}
