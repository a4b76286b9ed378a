import type { JobStores } from "../domain/job-stores.ts";
import type { OutputManifest } from "../domain/manifest.ts";
import type { Storage } from "../storage/storage.ts";
import type { CommandPart } from "./command.ts";
import type { ConversionPart } from "./conversion.ts";
import type { FacePart } from "./face.ts";
import type { FeaturePart } from "./feature.ts";
import type { FormatPart } from "./format.ts";
import type { GpuPart } from "./gpu-driver.ts";
import type { LibraryPart } from "./library.ts";
import type { ReadNotice } from "./notice.ts";
import type { OutputFormatPart } from "./output-format.ts";
import type { PlanPart } from "./plan.ts";
import type { ProbePart } from "./probe.ts";
import type { QueueOptions, QueueSink, QueueSource } from "./queue-source.ts";
import type { ReductionPart } from "./reduction-part.ts";
import type { RunsPart } from "./runs.ts";
import type { InputPart, StepPart } from "./step-part.ts";

/**
 * Feature that the engine works without. It is one folder below `extensions/`, which exports one object of
 * this type from its `extension.ts`. `extensions/list.ts` lists all of them. The object holds facts only, and
 * each part loads its code on first use.
 */
export interface Extension {
  /** Name of its folder: `s3`. */
  readonly name: string;
  /** Libraries whose versions may change rows. Default: none. */
  readonly mapsBy?: readonly string[];
  readonly storage?: StoragePart;
  readonly queue?: QueuePart;
  readonly feature?: FeaturePart;
  readonly input?: InputPart;
  readonly steps?: readonly StepPart[];
  readonly runs?: RunsPart;
  readonly formats?: readonly FormatPart[];
  readonly outputs?: readonly OutputFormatPart[];
  readonly reductions?: readonly ReductionPart[];
  readonly face?: FacePart;
  /** One command, or several. */
  readonly command?: CommandPart | readonly CommandPart[];
  readonly conversion?: ConversionPart;
  readonly plan?: PlanPart;
  readonly probe?: ProbePart;
  readonly sidecar?: SidecarPart;
  readonly gpus?: GpuPart;
  readonly libraries?: readonly LibraryPart[];
}

/** Storage of further URI schemes. Each storage passes `test/contract/storage-contract.ts`. */
interface StoragePart {
  /** Schemes without `://`, with facts that are known before a storage is open. */
  readonly schemes: Readonly<Record<string, SchemeFacts>>;
  /**
   * Opens the storage of a scheme.
   *
   * @param stores settings of the job, which override settings of the machine
   * @throws {STORE_REFUSED} when the settings are invalid
   */
  open(scheme: string, stores: JobStores): Promise<Storage>;
  /** Sentences about keys of `stores`, for the docs of the job file. Default: none. */
  readonly says?: Readonly<Record<string, string>>;
  /** Environment variables that hold its secrets, for messages. Default: none. */
  readonly secrets?: readonly string[];
  /** Parameters that the store adds to signed web addresses. Default: the common ones. */
  readonly signature?: SignatureFacts;
  /** Messages that the store sends about new objects. Default: none are supported. */
  readonly notices?: {
    /** Name of the store in messages: `S3`. */
    readonly store: string;
    load(): Promise<ReadNotice>;
  };
}

/** Facts about signed web addresses. A renewed signature does not change which file an address means. */
interface SignatureFacts {
  /** Pattern of the parameters' names. The parameters change with each signature. */
  readonly names: RegExp;
  /** Parameter that must be present for the names to be those of a signature. Default: none. */
  readonly requires?: string;
}

/** Facts about a scheme whose URIs are `SCHEME://BUCKET/KEY`. */
interface SchemeFacts {
  /** Placeholder of the bucket in messages: `BUCKET`. */
  readonly bucket: string;
  /** Form of bucket names. Default: letters, digits, and between them `.`, `_` and `-`. */
  readonly bucketForm?: RegExp;
  /** Messages show another scheme of the same store instead. Default: false. */
  readonly isAlias?: boolean;
  /** Keys of `stores` in the job file that apply to this scheme. */
  readonly settings: readonly string[];
  /** Addresses by the words that `stores.endpoint` accepts for them. Default: none. */
  readonly endpoints?: Readonly<Record<string, string>>;
  /** Environment variable that names a file of certificates, and the store's name. Default: none. */
  readonly certificates?: { readonly variable: string; readonly store: string };
}

/** Queues of one kind of broker. Their sources and sinks pass `test/contract/queue-contract.ts`. */
interface QueuePart {
  /** Name of the broker with its schemes, for docs of the job file. */
  readonly title: string;
  /** Form of its addresses, for messages. */
  readonly form: string;
  /** Checks whether a text is a valid address of such a queue, with its options. Does not connect. */
  accepts(address: string): boolean;
  /**
   * Opens a queue to receive messages. An unreachable broker is detected when deliveries are requested.
   *
   * @param address accepted address, with credentials
   */
  openSource(address: string, options: QueueOptions): Promise<QueueSource>;
  /** Opens a queue to send results. */
  openSink(address: string, options: Pick<QueueOptions, "log">): Promise<QueueSink>;
}

/**
 * File that jobs can have beside the manifest of their output. It is built from the manifest alone, after it.
 * If a coordinator exits in between, the next one builds the same file.
 */
interface SidecarPart {
  /**
   * Key of `output` in the job file that requests the file: `report`. The manifest has the file's name under
   * the same key.
   */
  readonly key: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Name of the file. It begins with `_`, so readers do not take it for data. */
  readonly file: `_${string}`;
  /** Loads the code that renders the file. The same manifest gives the same text. */
  load(): Promise<(manifest: OutputManifest) => string>;
}
