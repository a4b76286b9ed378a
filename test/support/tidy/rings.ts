import { type Node, Visitor } from "oxc-parser";
import { isPure } from "./purity.ts";
import { type Finding, lineAt, loadedBy, type SourceFile, targetOf } from "./source-file.ts";

/**
 * Imports that an extension may have besides libraries: its base. A base is another extension without an
 * `extension.ts`, or a folder of the engine (with `/`).
 */
const BASES: Readonly<Record<string, readonly string[]>> = {
  init: ["coordinator/plan/"],
  convert: ["coordinator/plan/", "worker/accuracy/"],
  // The journal, wherever it is stored, and its records.
  "bucket-journal": ["coordinator/journal/", "coordinator/schedule/state/"],
  pipeline: ["worker/process/"],
  delta: ["lake"],
  iceberg: ["lake"],
  // Listing of the files of a set.
  nearest: ["coordinator/plan/"],
  estimate: [
    "pipeline",
    "coordinator/commit/",
    "coordinator/insight/",
    "coordinator/job/",
    "coordinator/publish/",
    "coordinator/reduce/",
    "worker/",
  ],
  report: ["coordinator/insight/"],
  // Manifests of the jobs that it runs, and the lanes, GPUs and batch sizes of workers.
  "node-check": ["coordinator/publish/", "worker/batch/", "worker/lanes/", "worker/process/"],
  // Runs over new data, their outputs, the lock of a ledger, and files that replace others.
  serve: [
    "coordinator/job/",
    "coordinator/journal/",
    "coordinator/job-store/",
    "coordinator/plan/",
    "coordinator/publish/",
    "coordinator/runs/",
  ],
  try: ["pipeline", "coordinator/job/", "coordinator/publish/", "worker/"],
  // Stored histories and maps of runs.
  web: ["coordinator/insight/"],
  // Published outputs, their folders as columns, and for the command the thread of a port.
  flight: ["coordinator/plan/", "coordinator/publish/", "coordinator/grpc/"],
  aws: ["object-store"],
  s3: ["aws", "object-store"],
  gcs: ["object-store"],
  azure: ["object-store"],
  amqp: ["broker"],
  sqs: ["broker", "aws", "object-store"],
  kafka: ["broker"],
};

/** Files of the engine that read the list of extensions. */
export const LIST_READERS: readonly string[] = [
  // Schemes in users' texts, which core may not import from the domain.
  "shared/core/without-secrets.ts",
  // Libraries whose versions workers report.
  "shared/core/mapping.ts",
  "cli/command-line.ts",
  "cli/plan.ts",
  "cli/probe.ts",
  "cli/read-run-job.ts",
  "coordinator/access/face-methods.ts",
  "coordinator/journal/shared-journals.ts",
  "shared/domain/sidecars.ts",
  "shared/domain/conversion.ts",
  "shared/domain/features.ts",
  "shared/domain/job-runs.ts",
  "shared/domain/formats.ts",
  "shared/domain/output-formats.ts",
  "shared/domain/queue-address.ts",
  "shared/domain/store-schemes.ts",
  "shared/domain/work-spec.ts",
  "shared/extension/libraries.ts",
  "shared/extension/open-gpu-driver.ts",
  "shared/extension/open-tracer.ts",
  "shared/storage/open-storage.ts",
];

/** Words by which code names an extension. */
const NAMES: Readonly<Record<string, RegExp>> = {
  ask: /^"ask"$|\b[Aa]sk(Step|Op|Spec)|AnswerLog|chat completion/,
  s3: /\bs3\b|S3(?= [a-z]|[A-Z][a-z])|\bAWS|\baws|[Aa]mazon|\bamz\b/,
  gcs: /\b(gcs|gs)\b|Gcs(?=[A-Z])|\bGCS\b|[Gg]oog(le|\b)/,
  azure: /[Aa]zure|AZURE|\baz\b|\babfss\b|windows\\?\.net/,
  "bucket-journal": /[Bb]ucket(Journal|Hold|Segment|Snapshot)|bucket-journal/,
  amqp: /\bamqps?\b|Amqp|AMQP|[Rr]abbit/,
  sqs: /\bsqs\b|Sqs|SQS/,
  kafka: /[Kk]afka|KAFKA/,
  "csv-json": /[cC]sv|CSV|jsonl|ndjson|JSON Lines/,
  webdataset: /[Ww]eb[Dd]ataset|WEBDATASET/,
  // Excludes differences, and the encoding that stores them.
  delta: /[Dd]elta(Table|Lake|Form|Index|Spec| table)|_delta_log/,
  iceberg: /[Ii]ceberg/,
  code: /defineStep|defineReduction|[Oo]wnCode|\b[Mm]odule(Step|Op|Thread|Run|Reductions?)\b|^"module"$|esbuild/,
  // Excludes the digits of decimals, and the widths of floats.
  convert:
    /\bfp16\b|\b(model|job|check|pass|as)Precision|[Mm]odelPrecision|PRECISION|\bint8 weights|[Qq]uanti[sz](e|ation)\b/,
  estimate: /[Ee]stimate/,
  // Excludes "in flight".
  flight: /(?<![Ii]n)Flight|(?<!in )\bflights?\b|(?<!IN_)FLIGHT/,
  image: /\b[Ii]mages?(?=[A-Z]|\b)|[a-z]Images?(?=[A-Z]|\b)|IMAGE/,
  keda: /[Kk]eda|KEDA|externalscaler/,
  nearest: /^"nearest"$|\bNearest(Step|Op|Spec)|[Nn]eighbou?r/,
  "node-check": /[Nn]odeCheck|node-check|[Gg]olden/,
  nvidia: /[Nn]vml|NVML/,
  serve: /[Tt]rigger|TRIGGER|\b[Cc]ron|shardmill serve/,
  sound: /\b[Ss]ounds?(?=[A-Z]|\b)|[a-z]Sounds?(?=[A-Z]|\b)|SOUND/,
  web: /[Pp]rometheus|[Cc]oordinatorMetrics|\bpage[A-Z]|\bpage\.(js|css)\b/,
  text: /[Tt]okeniz(e|er|ers)\b|[Tt]okeniz(e|er)[A-Z]/,
  tracing: /\b[Oo]tel(?=[A-Z]|-)|OTEL_|@opentelemetry/,
};

const LIST = "extensions/list.ts";
const ENGINE = /^(shared|coordinator|worker|cli)\//;
const DECLARATION = /^extensions\/[^/]+\/extension\.ts$/;

/**
 * Finds breaks of the rings (libraries, engine, extensions), besides those of `findLayerBreaks`. They are
 * stray imports of extensions, stray readers of the list, and declarations that load code. In the engine,
 * names of extensions are breaks, too.
 */
export function findRingBreaks(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => [
    ...findStrayImports(file),
    ...findStrayReaders(file),
    ...findHeavyDeclaration(file),
    ...findNames(file),
  ]);
}

/** Finds exceptions that no file needs. */
export function findUnusedExceptions(files: readonly SourceFile[]): string[] {
  const unused = (paths: readonly string[], isNeeded: (file: SourceFile) => boolean) =>
    paths.filter((path) => !files.some((file) => file.path === path && isNeeded(file)));
  return [...unused(LIST_READERS, (file) => readsList(file).length > 0)];
}

function findStrayImports({ path, imports }: SourceFile): Finding[] {
  const [, name = ""] = /^extensions\/([^/]+)\//.exec(path) ?? [];
  if (name === "") return [];
  const bases = [name, ...(BASES[name] ?? [])].map((base) =>
    base.endsWith("/") ? base : `extensions/${base}/`,
  );
  const allowed = ["shared/", ...bases];
  return imports.flatMap(({ specifier, line }) => {
    const target = targetOf(path, specifier);
    if (target === null || allowed.some((folder) => target.startsWith(folder))) return [];
    return [{ path, line, rule: `an extension imports libraries and its declared base, not ${target}` }];
  });
}

function readsList({ path, imports }: SourceFile): readonly number[] {
  return imports.filter(({ specifier }) => loadedBy(path, specifier) === LIST).map(({ line }) => line);
}

function findStrayReaders(file: SourceFile): Finding[] {
  if (!ENGINE.test(file.path) || LIST_READERS.includes(file.path)) return [];
  return readsList(file).map((line) => {
    return { path: file.path, line, rule: `the list of extensions is read in ${LIST_READERS.join(", ")}` };
  });
}

/**
 * Finds declarations that load code. Every process loads all declarations, so they contain only facts and
 * read texts.
 */
function findHeavyDeclaration({ path, imports }: SourceFile): Finding[] {
  if (!DECLARATION.test(path)) return [];
  return imports.flatMap(({ specifier, typeOnly, isDynamic, line }) =>
    typeOnly || isDynamic || isPure(targetOf(path, specifier) ?? "")
      ? []
      : [{ path, line, rule: `a declaration imports ${specifier} where a part is used: import(...)` }],
  );
}

function findNames(file: SourceFile): Finding[] {
  if (!ENGINE.test(file.path)) return [];
  return namesIn(file).map(({ name, line }) => {
    return { path: file.path, line, rule: `the engine knows no extension by name: ${name}` };
  });
}

/** Finds code, without comments, in which a file names an extension: one place for each name and line. */
function namesIn({ text, program }: SourceFile): readonly { name: string; line: number }[] {
  const found = new Map<string, { name: string; line: number }>();
  const look = ({ start, end }: Node) => {
    for (const [name, pattern] of Object.entries(NAMES)) {
      if (!pattern.test(text.slice(start, end))) continue;
      const line = lineAt(text, start);
      found.set(`${name} ${line}`, { name, line });
    }
  };
  new Visitor({ Identifier: look, Literal: look, TemplateElement: look }).visit(program);
  return [...found.values()];
}
