import { type Finding, type SourceFile, targetOf } from "./source-file.ts";

/**
 * Files that may open files directly. Bytes of jobs go through `shared/storage` only. The files listed here
 * read or write other data, or pass paths to libraries.
 */
export const FILE_USERS: readonly RegExp[] = [
  // Storage on this machine, and its parts.
  /^shared\/storage\/local[^/]*\.ts$/,
  /^shared\/core\/disk\.ts$/,
  /^coordinator\/commit\/blocking-disk\.ts$/,
  // Facts of the machine, and files of the program itself.
  /^shared\/core\/(prune-folder|read-record|memory-watch|package-root|process-identity)\.ts$/,
  /^shared\/(wire\/(descriptors|address-file|load-protos)|dataset\/parquet-runtime)\.ts$/,
  /^extensions\/web\/page-routes\.ts$/,
  // The user's own files: the job file, the secret, certificates, and a model to convert. Also files stored
  // between runs, and copies of files elsewhere.
  /^coordinator\/(access\/(audit-log|tokens-file)|job-store\/job-store)\.ts$/,
  /^shared\/(access\/(credential|own-file|token|tls-files)|job-file\/read-job-file)\.ts$/,
  /^extensions\/(object-store\/ca-bundle|azure\/identities|init\/(command|draft-paths)|report\/command|serve\/served-files)\.ts$/,
  /^extensions\/nearest\/(make-set|pack-set)\.ts$/,
  /^extensions\/(ask\/answer-log|text\/(split-step|tokenize-step))\.ts$/,
  /^worker\/tuning\/tuning-cache\.ts$/,
  /^worker\/job\/kept-folder\.ts$/,
  /^extensions\/convert\/convert(-to-file|ed-model)\.ts$/,
  /^coordinator\/plan\/fetch\/(fetch-file|cached-files)\.ts$/,
  /^extensions\/code\/(plan\/(bundle-module|cache-bundle|check-types|tsc)|threads\/module-step)\.ts$/,
  // Scratch files.
  /^shared\/core\/temp-folder\.ts$/,
  /^coordinator\/plan\/steps\/plan-steps\.ts$/,
  /^extensions\/csv-json\/(sniff-(csv|text)|text-parser)\.ts$/,
  /^shared\/steps\/(plan-sql|sql-step)\.ts$/,
  /^worker\/accuracy\/compare-sample\.ts$/,
  /^coordinator\/reduce\/(preview|reduce)\.ts$/,
  /^shared\/(reduce\/merge-small-files|dataset\/copy-groups)\.ts$/,
  /^extensions\/(pipeline\/pipelines|estimate\/run-samples)\.ts$/,
  /^extensions\/node-check\/(bench-device|check-node|loop-process|rows|run-job)\.ts$/,
  /^worker\/(job\/open-job|job\/open-tasks|process\/supervisor)\.ts$/,
  /^worker\/(write\/(combine|write-thread-client)|pipeline\/copied-shards)\.ts$/,
  // Libraries that need files, and processes that parse untrusted data.
  /^shared\/sql\/(locked-database|sql-process-client)\.ts$/,
  /^shared\/onnx\/(devices|external-data|model-metadata|session|vulkan-needs|shared-session\/check-process)\.ts$/,
  // Files of rows on their way from DuckDB into a partial or an output.
  /^shared\/sql\/text-writer\.ts$/,
  /^shared\/rows\/write-rows\.ts$/,
  /^extensions\/convert\/onnx\/(convert-file|load-weights)\.ts$/,
  /^extensions\/convert\/check\/(check-precision|compare-process)\.ts$/,
];

/** Files that may use a `Disk`: the journal and the lock, and local storage. */
export const DISK_USERS: readonly RegExp[] = [
  /^shared\/core\/(digest|hard-link|make-folders|sync-path)\.ts$/,
  /^shared\/storage\/local[^/]*\.ts$/,
  /^coordinator\/journal\//,
  /^coordinator\/job\/job-seams\.ts$/,
  /^coordinator\/commit\/blocking-disk\.ts$/,
  /^shared\/access\/credential\.ts$/,
  /^coordinator\/job-store\/(job-store|replace-file)\.ts$/,
  /^extensions\/serve\/(trigger\/trigger-ledger|queue\/spool)\.ts$/,
  // The folder of the journal and the lock, which is removed with them.
  /^coordinator\/publish\/(cleanup|clear-output|own-run)\.ts$/,
];

const PRODUCT = /^(shared|coordinator|worker|extensions)\//;
const FILE_MODULE = /^(node:)?fs(\/promises)?$/;
const DISK = "shared/core/disk.ts";

export function findBareFiles(files: readonly SourceFile[]): Finding[] {
  return files.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, typeOnly, line }) => {
      if (!PRODUCT.test(path) || typeOnly) return [];
      return opensFiles(specifier) && !FILE_USERS.some((pattern) => pattern.test(path))
        ? [{ path, line, rule: `a job's bytes go through shared/storage: ${specifier} is for FILE_USERS` }]
        : [];
    }),
  );
}

export function findBareDisks(files: readonly SourceFile[]): Finding[] {
  return files.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, line }) => {
      if (!PRODUCT.test(path) || targetOf(path, specifier) !== DISK) return [];
      return DISK_USERS.some((pattern) => pattern.test(path))
        ? []
        : [{ path, line, rule: "a job's bytes go through shared/storage: Disk is for DISK_USERS" }];
    }),
  );
}

/** Finds permissions that no file uses. */
export function findUnusedDoors(files: readonly SourceFile[]): string[] {
  const users = (isIt: (specifier: string, path: string) => boolean) =>
    files.filter(({ path, imports }) => imports.some(({ specifier }) => isIt(specifier, path)));
  const openers = users((specifier) => opensFiles(specifier));
  const disks = users((specifier, path) => targetOf(path, specifier) === DISK);
  const unused = (patterns: readonly RegExp[], used: readonly SourceFile[]) =>
    patterns.filter((pattern) => !used.some(({ path }) => pattern.test(path))).map(String);
  return [...unused(FILE_USERS, openers), ...unused(DISK_USERS, disks)];
}

function opensFiles(specifier: string): boolean {
  return FILE_MODULE.test(specifier);
}
