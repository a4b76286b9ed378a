import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import type { ClassNames } from "../../../shared/domain/hugging-face.ts";
import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import type { ModelSignature } from "../../../shared/domain/tensor.ts";
import type { DescribedFiles } from "../../../shared/extension/step-part.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { formatKeyPath, type KeyPath } from "../../../shared/job-file/key-path.ts";
import { labelsOf } from "./labels-text.ts";

/** Result of reading a file of labels. */
export type LabelsRead =
  | { readonly kind: "read"; readonly labels: readonly string[] }
  | { readonly kind: "refused"; readonly why: string };

/** Sources of labels that an output can name. */
export interface LabelSources {
  /** Names that the input gives to the classes of its columns. */
  readonly classes: ClassNames;
  /** Facts about the files of the job, by key path. */
  readonly descriptions: DescribedFiles["descriptions"];
  readonly metadata: NonNullable<ModelSignature["metadata"]>;
}

type Labels = NonNullable<OutputSpec["labels"]>;
type Fault = Omit<SpecProblem, "path" | "part"> & { readonly key: string };

/** Replaces the source that an output names for its labels by the labels in it. */
export function withNamedLabels(
  { spec, path }: { readonly spec: OutputSpec; readonly path: KeyPath },
  sources: LabelSources,
  problems: SpecProblem[],
): OutputSpec {
  const { labels: said, ...rest } = spec;
  if (said === undefined || isList(said)) return spec;
  const found = find(said, formatKeyPath([...path, "labels", "file"]), sources);
  if (isList(found)) return { ...rest, labels: [...found] };
  const { key, ...fault } = found;
  problems.push({ path: [...path, "labels", key], part: "value", ...fault });
  return rest;
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}

function find(
  said: Exclude<Labels, readonly string[]>,
  where: string,
  { classes, descriptions, metadata }: LabelSources,
): readonly string[] | Fault {
  if ("column" in said) return ofColumn(said.column, classes);
  if ("metadata" in said) return ofMetadata(said.metadata, metadata);
  const read = descriptions.get(where) as LabelsRead | undefined;
  if (read?.kind === "read") return read.labels;
  return {
    key: "file",
    what: `${read?.why ?? "was not read"}, and gives no labels`,
    expected: "a label in each line, a JSON list, or a JSON group of labels by index or indices by label",
    found: said.file,
  };
}

function ofColumn(column: string, classes: ClassNames): readonly string[] | Fault {
  const own = Object.hasOwn(classes, column) ? classes[column] : undefined;
  if (own !== undefined) return own;
  const columns = Object.keys(classes);
  return {
    key: "column",
    what: `the input names no classes of \`${column}\``,
    expected:
      columns.length === 0
        ? "names in `labels`, because no column has the feature ClassLabel with equal names in all files"
        : `a column of the feature ClassLabel: ${listNames(columns)}`,
    found: `\`${column}\``,
    ...didYouMean(column, columns),
  };
}

function ofMetadata(key: string, metadata: LabelSources["metadata"]): readonly string[] | Fault {
  const keys = Object.keys(metadata);
  const text = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  if (text === undefined) {
    return {
      key: "metadata",
      what: `the model's metadata have no \`${key}\``,
      expected: keys.length === 0 ? "labels from a file: the model has no metadata" : listNames(keys),
      found: `\`${key}\``,
      ...didYouMean(key, keys),
    };
  }
  return (
    labelsOf(text) ?? {
      key: "metadata",
      what: `\`${key}\` of the model's metadata has no label for each index from 0`,
      expected: "a label in each line, a list or a group",
      found: text.slice(0, MAX_FOUND),
    }
  );
}

/** Characters of a value that messages show. */
const MAX_FOUND = 40;
