import type { JobSpec } from "./job-spec.ts";
import { stageName } from "./stage-name.ts";

/** Stage of a job: a model, and the steps around it. */
export interface SpecStage {
  /** Name in messages. */
  readonly name: string;
  /** Key path in the job file: `map.stages[0]`, or `map` of a job without stages. */
  readonly place: string;
  /** Undefined: the job has no model. */
  readonly model: JobSpec["model"];
  readonly map: JobSpec["map"];
}

type StagedSpec = Pick<JobSpec, "map"> & Partial<Pick<JobSpec, "model">>;

/** Returns the stages of a job, in order. A job without `map.stages` has one. */
export function stagesOf({ model, map }: StagedSpec): readonly SpecStage[] {
  const { stages } = map;
  if (stages === undefined) return [{ name: stageName(undefined, 0), place: "map", model, map }];
  return stages.map((stage, index) => ({
    ...{ name: stageName(stage.name, index), place: `map.stages[${index}]` },
    ...{ model: stage.model, map: stage },
  }));
}

/** Returns a key path of a job without stages as that of a stage: `map.keep` as `map.stages[1].keep`. */
export function placed(where: string, place: string): string {
  if (where === place || where.startsWith(`${place}.`)) return where;
  return where === "map" || where.startsWith("map.") ? `${place}${where.slice("map".length)}` : where;
}

/** Returns a key path of a stage as that of a job without stages. */
export function unplaced(where: string, place: string): string {
  return where.startsWith(`${place}.`) ? `map${where.slice(place.length)}` : where;
}

/** Returns a job as if it had only its last stage. Its rows are those of the job. */
export function lastStageOf<Spec extends StagedSpec>(spec: Spec): Spec {
  const last = spec.map.stages?.at(-1);
  if (last === undefined) return spec;
  const { name: _name, model, ...map } = last;
  return { ...spec, model, map };
}

/** Returns a map with changed stages, or changed itself if it has none. */
export function withStages<Map extends { readonly stages?: readonly object[] }>(
  map: Map,
  change: <Part extends Map | NonNullable<Map["stages"]>[number]>(part: Part, index: number) => Part,
): Map {
  if (map.stages === undefined) return change(map, 0);
  return { ...map, stages: map.stages.map((stage, index) => change(stage, index)) };
}
