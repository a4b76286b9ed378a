import { FEATURES, fileSpec, INPUTS } from "../../shared/domain/features.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { lastStageOf } from "../../shared/domain/job-stages.ts";
import { below } from "../../shared/domain/location.ts";
import type { OutputSpec } from "../../shared/domain/map-spec.ts";
import { leavesLabels, leavesPooling, type ModelFolder } from "../../shared/domain/model-folder.ts";
import { formatKeyPath } from "../../shared/job-file/key-path.ts";
import type { Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { oneLine } from "../../shared/terminal/text.ts";

/** Key that the job omits, its default, and the source of that default in the model's folder. */
type Default = readonly [where: string, value: string, from: string];

const MAX_CELL_COLUMNS = 100;

/** Shows the defaults that a job gets from its model's folder. Empty: none. */
export function defaultsTable(planned: PlannedJob, style: Style): string[] {
  const plan = { ...planned, spec: lastStageOf(planned.spec) };
  const { folder } = plan;
  const rows =
    folder === null
      ? []
      : [...madeDefaults(plan, folder), ...fileDefaults(plan, folder), ...outputDefaults(plan, folder)];
  if (rows.length === 0) return [];
  const columns = ["default of the model's folder", "value", "file"];
  const shown = rows.map((row) => row.map(oneLine));
  return ["", renderTable({ columns, rows: shown }, style, { maxCellColumns: MAX_CELL_COLUMNS })];
}

/** Defaults of inputs that steps make. */
function madeDefaults({ spec, map }: PlannedJob, folder: ModelFolder): readonly Default[] {
  const isFile = (named: string, file: string) => named === below(folder.path, file);
  return INPUTS.flatMap(({ key, step, defaults }) =>
    map.inputs.flatMap(({ tensor }): readonly Default[] => {
      const at = (own: string) => formatKeyPath(["map", "inputs", tensor, own]);
      const op = map.prepare.find(({ where }) => where === at(key))?.op;
      const facts = folder.facts.features[key];
      if (op?.kind !== "extension" || op.step !== step.kind || facts === undefined) return [];
      const found = defaults(spec.map.inputs[tensor] ?? {}, op.data, { facts, isFile });
      return found.map(([own, value, from]) => [at(own), value, from] as const);
    }),
  );
}

/** Defaults of inputs that are made from files. */
function fileDefaults({ spec }: PlannedJob, { facts, read }: ModelFolder): readonly Default[] {
  return Object.entries(spec.map.inputs).flatMap(([input, spec]): readonly Default[] =>
    FEATURES.flatMap(({ key, folder }): readonly Default[] => {
      const own = fileSpec(spec, key);
      const said = facts.features[key];
      if (own === undefined || said === undefined || folder === undefined) return [];
      const left = folder.keys(own).filter((each) => !Object.hasOwn(own, each));
      return left.flatMap((each): readonly Default[] => {
        const value = said[each] ?? null;
        const where = formatKeyPath(["map", "inputs", input, key, each]);
        return value === null ? [] : [[where, JSON.stringify(value), folder.source(read)]];
      });
    }),
  );
}

/** Defaults of outputs that are named or pooled by the folder. */
function outputDefaults({ spec, map }: PlannedJob, { facts }: ModelFolder): readonly Default[] {
  return map.outputs.flatMap(({ column, tensor, op }): readonly Default[] => {
    const own: Partial<OutputSpec> = spec.map.outputs.find((output) => output.column === column) ?? {};
    const at = (key: string) => formatKeyPath(["map", "outputs", column, key]);
    const labels = "labels" in op ? op.labels : null;
    const isNamed = leavesLabels(own) && labels !== null && labels.join("\0") === facts.labels?.join("\0");
    const isPooled = leavesPooling(own, tensor) && op.kind === "pool";
    return [
      ...(isNamed ? [[at("labels"), `${labels.length} names`, "config.json"] as const] : []),
      ...(isPooled && own.op === undefined ? [[at("op"), "pool", "1_Pooling/config.json"] as const] : []),
      ...(isPooled ? [[at("pool"), op.pool, "1_Pooling/config.json"] as const] : []),
      ...(isPooled && own.normalize === undefined
        ? [[at("normalize"), String(op.vector.normalize), "modules.json"] as const]
        : []),
    ];
  });
}
